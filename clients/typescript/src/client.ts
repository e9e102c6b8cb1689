/** Client of gumbel-sampler: docs/clients.md. */
import {
  type Draw,
  type OutputName,
  outputTable,
  Rows,
  type SampleOptions,
  type Vjp,
  type VjpOptions,
} from './draw.js';
import { decode, encode, type InferReply, type InferRequest } from './inference.js';
import { type LogProbOptions, logProbOf, type Points } from './log-prob.js';
import { refuseUnknown, sampleOptionNames, vjpOptionNames } from './option-names.js';
import { type Part, sendParts, Whole } from './parts.js';
import { ServiceError } from './service-error.js';
import { type ArrayInput, type NumberArray, Tensor, toFloats } from './tensor.js';
import { type CallOptions, type ClientOptions, type Send, Transport } from './transport.js';
import type { Replayable, Verification } from './verify.js';

/** GET /v2: which service it is, and what draws. */
export interface ServerInfo {
  readonly version: string;
  readonly noiseVersion: string;
  readonly provider: string;
  readonly device: string;
}

export class Client {
  readonly #transport: Transport;

  /** @param url of the service, such as http://localhost:8080, or of a path below which it answers */
  constructor(url: string | URL, options: ClientOptions = {}) {
    this.#transport = new Transport(url, options);
  }

  /**
   * Draws from each row of the logits, which have the categories in their last axis. `null`, or -Infinity in a typed
   * array, masks a category. Outputs are shaped like the logits, with numSamples in front where it is given.
   *
   * @throws {ServiceError}; {RangeError | TypeError} for what cannot be sent
   */
  sample<Name extends OutputName>(
    logits: ArrayInput,
    options: SampleOptions & { readonly outputs: readonly Name[] },
  ): Promise<Draw<Name>>;
  sample(
    logits: ArrayInput,
    options: SampleOptions & { readonly topK: number; readonly outputs?: undefined },
  ): Promise<Draw<'samples' | 'indices' | 'topIndices'>>;
  sample(
    logits: ArrayInput,
    options?: SampleOptions & { readonly outputs?: undefined },
  ): Promise<Draw<'samples' | 'indices'>>;
  async sample(logits: ArrayInput, options: SampleOptions = {}): Promise<Draw<never>> {
    refuseUnknown('sample', options, sampleOptionNames);
    const { topK, outputs = ['samples', 'indices', ...(topK === undefined ? [] : (['topIndices'] as const))] } =
      options;
    const send = this.#transport.forCall(options);
    const rows = new Rows(logits, options, options.givenIndices);
    const { categories, whole } = rows;
    const widths = { one: undefined, categories, topK: topK ?? 0 };
    const wanted = outputs.map((output) => ({ output, ...outputTable[output], whole: new Whole(whole) }));
    const versions = new Versions();
    const returned = wanted.reduce((sum, { width }) => sum + (widths[width] ?? 1), 0);
    const sizes = { categories, returned, splitsSamples: true };
    await sendParts(whole, sizes, async (part) => {
      const parameters = { ...rows.parametersOf(part), ...(topK !== undefined && { top_k: topK }) };
      const names = wanted.map(({ name }) => name);
      const reply = await infer(send, 'gumbel_softmax', { inputs: rows.inputsOf(part), parameters, outputs: names });
      versions.add(reply);
      for (const { name, whole: output } of wanted) output.add(part, numbersIn(reply, name));
    });
    const tensors = wanted.map(({ output, width, whole: { data } }) => [
      output,
      new Tensor(data, rows.shapeOf(widths[width])),
    ]);
    return { ...rows.termsWith(versions.noise, versions.provider), ...Object.fromEntries(tensors) };
  }

  /**
   * The vector-Jacobian product of a draw: the gradient of a loss with respect to logits and temperature, from its
   * gradient with respect to the samples. Takes the draw itself, or its logits with its terms, the seed among them.
   *
   * The gradient of one temperature is a sum over all rows: for a call in parts it is rounded once for each part.
   */
  async vjp(of: Draw<never> | ArrayInput, cotangent: ArrayInput, options: VjpOptions = {}): Promise<Vjp> {
    refuseUnknown('vjp', options, vjpOptionNames);
    const send = this.#transport.forCall(options);
    const draw = isDraw(of) ? of : undefined;
    const terms = draw ? { ...draw, noise: draw.noiseKind, ...options } : options;
    if (draw?.givenIndices) throw new RangeError('A draw with givenIndices has no gradient.');
    if (terms.seed === undefined) throw new TypeError('vjp needs the seed of the draw.');
    const rows = new Rows(draw ? draw.logits : (of as ArrayInput), terms);
    const { categories, whole, leading, temperature } = rows;
    const { data: all } = toFloats('cotangent', cotangent, rows.shapeOf(categories), 'refused');
    if (all.length !== whole.samples * whole.rows * categories) {
      throw new RangeError(`cotangent has ${all.length} numbers: it must be shaped like the samples.`);
    }
    const { estimator, raoSamples } = options;
    const gradient = new Whole<Float32Array>({ ...whole, samples: 1 });
    const ofTemperatures = new Whole<Float32Array>({ ...whole, samples: 1 });
    let ofTemperature: number | undefined;
    const versions = new Versions(draw?.noiseVersion);
    const sizes = { categories, returned: categories, splitsSamples: false };
    await sendParts(whole, sizes, async (part) => {
      const samples = terms.numSamples === undefined ? [] : [terms.numSamples];
      const data = rowsOf(all, part, whole, categories);
      const inputs = [...rows.inputsOf(part), { name: 'cotangent', shape: [...samples, part.rows, categories], data }];
      const parameters = {
        ...rows.parametersOf(part),
        ...(estimator !== undefined && { estimator }),
        ...(raoSamples !== undefined && { rao_samples: raoSamples }),
      };
      const reply = await infer(send, 'gumbel_softmax_vjp', { inputs, parameters });
      versions.add(reply);
      const ofPart = { ...part, samples: 1 };
      gradient.add(ofPart, numbersIn(reply, 'grad_logits') as Float32Array);
      const temperatures = reply.outputs.get('grad_temperature')?.data as Float32Array | undefined;
      if (temperatures === undefined) return;
      if (typeof temperature === 'number') ofTemperature = (ofTemperature ?? 0) + (temperatures[0] as number);
      else ofTemperatures.add(ofPart, temperatures);
    });
    const hasOne = typeof temperature === 'number';
    const isWithout = estimator !== undefined && estimator !== 'straight_through';
    return {
      gradLogits: new Tensor(gradient.data, rows.logits.shape),
      gradTemperature: hasOne || isWithout ? ofTemperature : new Tensor(ofTemperatures.data, leading),
    };
  }

  /** The log-density or log-probability of points, in float64, for each row. */
  async logProb(logits: ArrayInput, points: Points, options: LogProbOptions = {}): Promise<Tensor<Float64Array>> {
    const send = this.#transport.forCall(options);
    return logProbOf((request) => infer(send, 'gumbel_softmax_log_prob', request), logits, points, options);
  }

  /** Replays a draw with the service's own noise kernel, here, and compares. Sends nothing. */
  async verify(draw: Replayable): Promise<Verification> {
    const { loadNoise } = await import('./noise.js');
    return (await loadNoise()).verify(draw);
  }

  async server(options: CallOptions = {}): Promise<ServerInfo> {
    const { bytes } = await this.#transport.forCall(options)('v2', {});
    const { version, parameters } = JSON.parse(new TextDecoder().decode(bytes));
    return {
      version,
      noiseVersion: parameters.noise_version,
      provider: parameters.provider,
      device: parameters.device,
    };
  }

  /** POSTs JSON to any route, such as sample: for what no method has. @returns the JSON of the reply */
  async post<Reply>(path: string, body: object, options: CallOptions = {}): Promise<Reply> {
    const message = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const { bytes } = await this.#transport.forCall(options)(path.replace(/^\//, ''), message);
    return JSON.parse(new TextDecoder().decode(bytes)) as Reply;
  }
}

async function infer(send: Send, model: string, request: InferRequest): Promise<InferReply> {
  return decode(await send(`v2/models/${model}/infer`, encode(request)));
}

/** Parts of a call, and a draw and its gradient, are of one noise version: others would be other draws. */
class Versions {
  noise: string;
  provider = '';

  constructor(noise = '') {
    this.noise = noise;
  }

  add({ parameters: { noise_version: version, provider } }: InferReply): void {
    this.noise ||= String(version);
    this.provider ||= String(provider);
    if (version === this.noise) return;
    const text = `the noise is now of version ${version}, and was of ${this.noise}`;
    throw new ServiceError('noise-version-changed', text);
  }
}

function isDraw(value: object): value is Draw<never> {
  return 'noiseVersion' in value && 'logits' in value;
}

function numbersIn({ outputs }: InferReply, name: string): NumberArray {
  const output = outputs.get(name);
  if (!output) throw new Error(`The service left the output ${name} out.`);
  return output.data;
}

/** Rows of a part, [samples, rows, categories], out of those of the whole. */
function rowsOf(all: Float32Array, { row, rows }: Part, whole: Part, categories: number): Float32Array {
  if (rows === whole.rows) return all;
  const size = rows * categories;
  const part = new Float32Array(whole.samples * size);
  for (let sample = 0; sample < whole.samples; sample++) {
    const start = (sample * whole.rows + row) * categories;
    part.set(all.subarray(start, start + size), sample * size);
  }
  return part;
}

export type { Draw, OutputArrays, OutputName, SampleOptions, Vjp, VjpOptions } from './draw.js';
export type { LogProbOptions, Points } from './log-prob.js';
export type { Seed } from './seed.js';
export { type FieldError, ServiceError } from './service-error.js';
export { type ArrayInput, type Nested, type NumberArray, Tensor, type TensorLike } from './tensor.js';
export type { CallOptions, ClientOptions } from './transport.js';
export type { Check, Replayable, Verification } from './verify.js';
