/** Reads the draw from an inference request: the same `Draw` as POST /sample and POST /sample/vjp read. */
import type { Memory } from '../json/array-reader.js';
import type { Width } from '../sampler/outputs.js';
import { type Draw, drawAxes, toDraw } from '../schemas/draw.js';
import { checkEstimator, type Estimator, hasTemperatureGradient } from '../schemas/estimator.js';
import { checkConditioned } from '../schemas/given-indices.js';
import { type Hard, hardOf } from '../schemas/hard.js';
import { IssueList } from '../schemas/issue-list.js';
import type { Logits } from '../schemas/logits.js';
import { findMasks, type Masks } from '../schemas/masks.js';
import { topOutputNames } from '../schemas/outputs.js';
import { isShaped } from '../schemas/points.js';
import { type AbsentSeed, readSeed, type Seed } from '../schemas/seed.js';
import { type Temperature, toTemperature } from '../schemas/temperature.js';
import { checkTopK } from '../schemas/top-k.js';
import { finiteIn, flagsIn, givenIn, logitsIn, placeOf, seedIn, temperatureIn } from './fields.js';
import { type InputTensor, placeInputs } from './input-tensors.js';
import type { ModelName } from './models.js';
import { type InferLimits, type InferRequest, type RequestedOutput, requestedOutputs } from './request.js';

/** A request to gumbel_softmax. */
export interface SampleInference {
  readonly draw: Draw;
  readonly topK: number;
  /** int32 [B]: the indices that the noise is conditioned on. */
  readonly given: Int32Array | undefined;
  readonly outputs: readonly RequestedOutput[];
}

/** A request to gumbel_softmax_vjp. */
export interface VjpInference {
  readonly draw: Draw;
  /** float32, shaped like the samples, finite. */
  readonly cotangent: Float32Array;
  readonly estimator: Estimator;
  /** Inner draws of gumbel_rao, otherwise 0. */
  readonly raoSamples: number;
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
  const isTop = ({ name }: RequestedOutput) => topOutputNames.some((top) => top === name);
  for (const [index, output] of outputs.entries()) {
    if (topK > 0 || !isTop(output)) continue;
    issues.report('validation', ['outputs', index, 'name'], 'needs the parameter top_k: how many categories to draw');
  }
  if (topK > 0 && !outputs.some(isTop)) {
    issues.report(
      'validation',
      ['parameters', 'top_k'],
      'is given, but top_indices is not among the outputs: ask for it, or leave top_k out',
    );
  }
  const inputs = inputsOf(request, binary, 'gumbel_softmax', issues);
  const draw = await readDraw(request, inputs, limits, memory, issues, randomSeed);
  const given = await givenOf(inputs.get('given_indices'), draw, topK, outputs, issues);
  checkTopK(draw.logits, topK, issues.of(parameterOf));
  checkReturned(drawsOf(draw), { one: 1, categories: draw.logits.categories, topK }, outputs, limits, issues);
  issues.throwIfAny();
  return { draw, topK, given, outputs };
}

async function givenOf(
  tensor: InputTensor | undefined,
  draw: Draw,
  topK: number,
  outputs: readonly RequestedOutput[],
  issues: IssueList,
): Promise<Int32Array | undefined> {
  if (tensor === undefined) return undefined;
  const names = outputs.map(({ name }) => name);
  const pathOf = (field: string) =>
    field === 'return' ? ['outputs', names.indexOf('log_prob'), 'name'] : parameterOf(field);
  checkConditioned(draw, topK, new Set(names), issues.of(pathOf));
  return givenIn(tensor, draw.logits, issues);
}

/** @throws {Problem} for a request that has no gradient */
export async function readVjpInference(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  memory: Memory,
): Promise<VjpInference> {
  const estimator = request.parameters.estimator ?? 'straight_through';
  const { rao_samples: raoSamples } = request.parameters;
  const gradients = hasTemperatureGradient(estimator) ? ['grad_logits', 'grad_temperature'] : ['grad_logits'];
  const outputs = requestedOutputs(request, 'gumbel_softmax_vjp', gradients);
  const issues = new IssueList();
  const inputs = inputsOf(request, binary, 'gumbel_softmax_vjp', issues);
  if (request.parameters.seed === undefined && !inputs.has('seed')) {
    issues.report('validation', ['inputs'], 'must have the tensor seed, or the parameter seed: it replays the noise');
    issues.throwIfAny();
  }
  // Hard rows have the gradient of soft rows (straight-through).
  const draw = await readDraw(request, inputs, limits, memory, issues);
  checkEstimator({ draw, estimator, raoSamples }, issues.of(parameterOf));
  const temperatureOutput = outputs.findIndex(({ name }) => name === 'grad_temperature');
  if (temperatureOutput >= 0 && !hasTemperatureGradient(estimator)) {
    const message = `is not an output of the estimator ${estimator}`;
    issues.report('validation', ['outputs', temperatureOutput, 'name'], message);
  }
  const shape = [...drawAxes(draw), draw.logits.categories];
  const cotangent = await finiteIn(inputs.get('cotangent') as InputTensor, shape, issues);
  checkReturned(drawsOf(draw), { one: 1, categories: draw.logits.categories, topK: 0 }, outputs, limits, issues);
  issues.throwIfAny();
  return { draw, cotangent: cotangent as Float32Array, estimator, raoSamples: raoSamples ?? 0, outputs };
}

function drawsOf({ logits, numSamples = 1 }: Draw): number {
  return numSamples * logits.rows;
}

/** Inputs with one entry, or one for each row of logits. */
const perRowInputs = ['temperature', 'hard', 'seed'];

/** The inputs by name. Checks that temperature, hard and seed have one element, or one for each row of logits. */
export function inputsOf(
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
  for (const name of perRowInputs) {
    const input = inputs.get(name);
    if (!input || shapes.some((legal) => isShaped({ shape: input.shape, raggedPath: undefined }, legal))) continue;
    const nested = leadingShape.length > 1 ? `, or [${leadingShape.join(', ')}],` : '';
    issues.report(
      'validation',
      [...input.path, 'shape'],
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
export async function refuseMasks(masks: Masks, logits: Logits, { path, bytes }: InputTensor): Promise<void> {
  if (masks === 'allow') return;
  const issues = new IssueList();
  const mask = bytes ? '-infinity' : 'null, which JSON.stringify writes for NaN and Infinity,';
  const text = `is ${mask} while masks are refused: send a finite logit, or leave masks out to mask the category`;
  await findMasks(logits, (index) =>
    issues.report('non-finite-logits', path, `${placeOf(index, logits.categories)} ${text}`),
  );
  issues.throwIfAny();
}

export function parameterOf(field: string): readonly string[] {
  return ['parameters', field];
}

export async function temperatureOf({ parameters }: InferRequest, tensor: InputTensor | undefined, issues: IssueList) {
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
  if (seed && Array.isArray(parameters.seed)) {
    issues.report(
      'validation',
      ['parameters', 'seed'],
      'must be an integer or a string; send one seed per row as the tensor seed',
    );
  }
  return seed;
}

/** Limits the numbers in a reply. JSON and binary outputs have separate limits, since JSON numbers take more bytes. */
export function checkReturned(
  draws: number,
  widths: Readonly<Record<Width, number>>,
  outputs: readonly RequestedOutput[],
  { elementsReturnedMax, binaryElementsReturnedMax }: InferLimits,
  issues: IssueList,
): void {
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
