/** Reads the draw from an inference request: the same `Draw` as POST /sample and POST /sample/vjp read. */
import type { Memory } from '../json/array-reader.js';
import { type Draw, drawAxes, toDraw } from '../schemas/draw.js';
import { type Hard, hardOf } from '../schemas/hard.js';
import { IssueList } from '../schemas/issue-list.js';
import type { Logits } from '../schemas/logits.js';
import { findMasks, type Masks } from '../schemas/masks.js';
import { isShaped } from '../schemas/points.js';
import { type AbsentSeed, readSeed, type Seed } from '../schemas/seed.js';
import { type Temperature, toTemperature } from '../schemas/temperature.js';
import { checkTopK } from '../schemas/top-k.js';
import type { Estimator } from '../schemas/vjp.js';
import { finiteIn, flagsIn, logitsIn, placeOf, seedIn, temperatureIn } from './fields.js';
import { type InputTensor, placeInputs } from './input-tensors.js';
import type { ModelName } from './models.js';
import { type InferLimits, type InferRequest, type RequestedOutput, requestedOutputs } from './request.js';

/** A request to gumbel_softmax. */
export interface SampleInference {
  readonly draw: Draw;
  readonly topK: number;
  readonly outputs: readonly RequestedOutput[];
}

/** A request to gumbel_softmax_vjp. */
export interface VjpInference {
  readonly draw: Draw;
  /** float32, shaped like the samples, finite. */
  readonly cotangent: Float32Array;
  readonly estimator: Estimator;
  readonly outputs: readonly RequestedOutput[];
}

/** @throws {Problem} for a request that cannot be drawn */
export async function readSampleInference(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  memory: Memory,
  randomSeed: () => string,
): Promise<SampleInference> {
  const topK = request.parameters.top_k ?? 0;
  const defaults = ['samples', 'indices', ...(topK > 0 ? ['top_indices'] : [])];
  const outputs = requestedOutputs(request, 'gumbel_softmax', defaults);
  const issues = new IssueList();
  const topIndicesOutput = outputs.findIndex(({ name }) => name === 'top_indices');
  if (topIndicesOutput >= 0 && topK === 0) {
    issues.report(
      'validation',
      ['outputs', topIndicesOutput, 'name'],
      'needs the parameter top_k: how many categories to draw',
    );
  } else if (topIndicesOutput < 0 && topK > 0) {
    issues.report(
      'validation',
      ['parameters', 'top_k'],
      'is given, but top_indices is not among the outputs: ask for it, or leave top_k out',
    );
  }
  const inputs = inputsOf(request, binary, 'gumbel_softmax', issues);
  const draw = await readDraw(request, inputs, limits, memory, issues, randomSeed);
  checkTopK(draw.logits, topK, issues.of(parameterOf));
  checkReturned(draw, topK, outputs, limits, issues);
  issues.throwIfAny();
  return { draw, topK, outputs };
}

/** @throws {Problem} for a request that has no gradient */
export async function readVjpInference(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  memory: Memory,
): Promise<VjpInference> {
  const estimator = request.parameters.estimator ?? 'straight_through';
  const gradients = estimator === 'reinmax' ? ['grad_logits'] : ['grad_logits', 'grad_temperature'];
  const outputs = requestedOutputs(request, 'gumbel_softmax_vjp', gradients);
  const issues = new IssueList();
  const inputs = inputsOf(request, binary, 'gumbel_softmax_vjp', issues);
  if (request.parameters.seed === undefined && !inputs.has('seed')) {
    issues.report('validation', ['inputs'], 'must have the tensor seed, or the parameter seed: it replays the noise');
    issues.throwIfAny();
  }
  // Hard rows have the gradient of soft rows (straight-through).
  const draw = await readDraw(request, inputs, limits, memory, issues);
  if (estimator === 'reinmax' && !draw.hard) {
    issues.report(
      'validation',
      ['parameters', 'estimator'],
      'reinmax needs hard samples: send hard: true, as in the draw',
    );
  }
  const temperatureOutput = outputs.findIndex(({ name }) => estimator === 'reinmax' && name === 'grad_temperature');
  if (temperatureOutput >= 0) {
    issues.report('validation', ['outputs', temperatureOutput, 'name'], 'is not an output of the estimator reinmax');
  }
  const shape = [...drawAxes(draw), draw.logits.categories];
  const cotangent = await finiteIn(inputs.get('cotangent') as InputTensor, shape, issues);
  checkReturned(draw, 0, outputs, limits, issues);
  issues.throwIfAny();
  return { draw, cotangent: cotangent as Float32Array, estimator, outputs };
}

/** The inputs by name. Checks that temperature, hard and seed have one element, or one for each row of logits. */
function inputsOf(
  request: InferRequest,
  binary: Buffer,
  model: ModelName,
  issues: IssueList,
): Map<string, InputTensor> {
  issues.throwIfAny();
  const inputs = placeInputs(request.inputs, binary, model, issues);
  const leadingShape = inputs.get('logits')?.shape.slice(0, -1) ?? [];
  const rows = leadingShape.reduce((product, size) => product * size, 1);
  const shapes = leadingShape.length > 1 ? [[1], [rows], leadingShape] : [[1], [rows]];
  for (const [name, { path, shape }] of inputs) {
    if (name === 'logits' || name === 'cotangent') continue;
    if (shapes.some((legal) => isShaped({ shape, raggedPath: undefined }, legal))) continue;
    const nested = leadingShape.length > 1 ? `, or [${leadingShape.join(', ')}],` : '';
    issues.report(
      'validation',
      [...path, 'shape'],
      `must be [1], or [${rows}]${nested} for one entry per row of logits`,
    );
  }
  issues.throwIfAny();
  return inputs;
}

async function readDraw(
  request: InferRequest,
  inputs: ReadonlyMap<string, InputTensor>,
  limits: InferLimits,
  memory: Memory,
  issues: IssueList,
  randomSeed?: () => string,
): Promise<Draw> {
  const { parameters } = request;
  const logits = await logitsIn(inputs.get('logits') as InputTensor, limits, issues);
  const temperature = await temperatureOf(request, inputs.get('temperature'), issues);
  const hard = hardIn(request, inputs.get('hard'), issues);
  const seed = await seedOf(request, inputs.get('seed'), memory, issues, randomSeed);
  issues.throwIfAny();
  const body = {
    logits: logits as NonNullable<typeof logits>,
    temperature: temperature as Temperature,
    hard,
    num_samples: parameters.num_samples,
    row_offset: parameters.row_offset,
    sample_offset: parameters.sample_offset,
    noise: parameters.noise,
    masks: parameters.masks,
  };
  const pathOf = (field: string) => inputs.get(field)?.path ?? parameterOf(field);
  const draw = toDraw(body, seed as Seed, limits, issues.of(pathOf));
  issues.throwIfAny();
  await refuseMasks(parameters.masks, body.logits, inputs.get('logits') as InputTensor);
  return draw as Draw;
}

/** @throws {Problem} `non-finite-logits`, as a rejection, for a masked category if the request refuses masks */
async function refuseMasks(masks: Masks, logits: Logits, { path, bytes }: InputTensor): Promise<void> {
  if (masks === 'allow') return;
  const issues = new IssueList();
  const mask = bytes ? '-infinity' : 'null, which JSON.stringify writes for NaN and Infinity,';
  const text = `is ${mask} while masks are refused: send a finite logit, or leave masks out to mask the category`;
  await findMasks(logits, (index) =>
    issues.report('non-finite-logits', path, `${placeOf(index, logits.categories)} ${text}`),
  );
  issues.throwIfAny();
}

function parameterOf(field: string): readonly string[] {
  return ['parameters', field];
}

async function temperatureOf({ parameters }: InferRequest, tensor: InputTensor | undefined, issues: IssueList) {
  if (tensor) return temperatureIn(tensor, issues);
  return toTemperature([parameters.temperature ?? 1], [], issues.at(['parameters', 'temperature']));
}

function hardIn({ parameters }: InferRequest, tensor: InputTensor | undefined, issues: IssueList): Hard {
  const flags = tensor && flagsIn(tensor, issues);
  if (flags && flags.count > 1) return hardOf(flags);
  const all = flags ? flags.flags[0] === 1 : (parameters.hard ?? false);
  return { given: all, all, rows: undefined };
}

async function seedOf(
  { parameters }: InferRequest,
  tensor: InputTensor | undefined,
  memory: Memory,
  issues: IssueList,
  randomSeed?: () => string,
): Promise<Seed | undefined> {
  const ifAbsent: AbsentSeed = randomSeed ? 'random' : 'refused';
  if (tensor) return seedIn(tensor, memory, issues, ifAbsent);
  if (parameters.seed === undefined) return randomSeed && readSeed(randomSeed(), issues, ifAbsent);
  const seed = readSeed(parameters.seed, issues.at(['parameters', 'seed']), ifAbsent);
  if (seed?.perRow) {
    issues.report(
      'validation',
      ['parameters', 'seed'],
      'must be an integer or a string; send one seed per row as the tensor seed',
    );
  }
  return seed;
}

/** Limits the numbers in a reply. JSON and binary outputs have separate limits, since JSON numbers take more bytes. */
function checkReturned(
  draw: Draw,
  topK: number,
  outputs: readonly RequestedOutput[],
  { elementsReturnedMax, binaryElementsReturnedMax }: InferLimits,
  issues: IssueList,
): void {
  const draws = (draw.numSamples ?? 1) * draw.logits.rows;
  const widths = { one: 1, categories: draw.logits.categories, topK };
  const elements = { json: 0, binary: 0 };
  for (const { spec, binary } of outputs) elements[binary ? 'binary' : 'json'] += draws * widths[spec.width];
  if (elements.json > elementsReturnedMax) {
    issues.report(
      'too-many-elements',
      [],
      `returns more than ${elementsReturnedMax} numbers in JSON; ask for binary data, or for fewer rows or samples`,
    );
  }
  if (elements.binary > binaryElementsReturnedMax) {
    issues.report(
      'too-many-elements',
      [],
      `returns more than ${binaryElementsReturnedMax} numbers; ask for fewer rows or samples`,
    );
  }
}
