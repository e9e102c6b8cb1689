/** Which requests of the Open Inference Protocol are legal: docs/open-inference-protocol.md as a program. */

import { binaryValues, bytesOf, datatypes } from './binary-tensor.js';
import {
  areGiven,
  areMasksAllowed,
  hasOnly,
  isFloat32,
  isInteger,
  isObject,
  isOneOf,
  isTemperature,
  isTemperatureNumber,
  isTopK,
  type Limits,
  type Logits,
  readLogits,
  type Value,
} from './fields.js';
import { arePoints, isConditioned, isEstimator, isLegalDraw, shapeOfSamples, type Verdict } from './routes.js';
import { countOf, sameShape, Tensor, tensorIn } from './tensor.js';

export interface InferenceLimits extends Limits {
  readonly binaryElementsReturnedMax: number;
}

const floats = ['FP32', 'FP16', 'BF16', 'FP64'];
const integers = ['INT64', 'INT32'];

type Inputs = Readonly<Record<string, readonly [datatypes: readonly string[], axesMax: number]>>;

const drawInputs: Inputs = {
  logits: [floats, 8],
  temperature: [floats, 7],
  hard: [['BOOL'], 7],
  seed: [['UINT64', 'INT64'], 7],
};

const drawParameters = ['hard', 'seed', 'num_samples', 'row_offset', 'sample_offset', 'noise'];

/** For each output the numbers that it has for a row and sample: 1, as many as categories, or as top_k. */
type Outputs = Readonly<Record<string, 'one' | 'categories' | 'topK'>>;

const models: Readonly<Record<string, { inputs: Inputs; outputs: Outputs; parameters: readonly string[] }>> = {
  gumbel_softmax: {
    inputs: { ...drawInputs, given_indices: [integers, 7] },
    outputs: {
      ...{ samples: 'categories', indices: 'one', top_indices: 'topK', log_samples: 'categories', log_prob: 'one' },
      ...{ noise: 'categories', index_log_prob: 'one', top_scores: 'topK', top_threshold: 'one', top_log_prob: 'one' },
    },
    parameters: [...drawParameters, 'top_k'],
  },
  gumbel_softmax_vjp: {
    inputs: { ...drawInputs, cotangent: [floats, 9] },
    outputs: { grad_logits: 'categories', grad_temperature: 'one' },
    parameters: [...drawParameters, 'estimator', 'rao_samples'],
  },
  gumbel_softmax_log_prob: {
    inputs: {
      ...{ logits: [floats, 8], temperature: [floats, 7], samples: [floats, 9], log_samples: [floats, 9] },
      ...{ indices: [integers, 8], top_indices: [integers, 9] },
    },
    outputs: { log_prob: 'one' },
    parameters: [],
  },
};

export type Model = 'gumbel_softmax' | 'gumbel_softmax_vjp' | 'gumbel_softmax_log_prob';
export const modelNames = Object.keys(models) as readonly Model[];

const commonParameters = [
  ...['temperature', 'masks', 'timeout', 'binary_data_output', 'content_type', 'headers', 'priority'],
];

/** The members that are there, where null means absent for some. */
function without(value: Value, nullable: readonly string[]): Value {
  return Object.fromEntries(
    Object.entries(value).filter(([name, member]) => member !== null || !nullable.includes(name)),
  );
}

function isShort(value: unknown, length: number): value is string {
  return typeof value === 'string' && value.length <= length;
}

/** Parameters of MLServer, which are ignored. */
function areIgnored({ content_type: type, headers }: Value): boolean {
  return (type === undefined || typeof type === 'string') && (headers === undefined || isObject(headers));
}

const ignored = ['content_type', 'headers'];

/** The parameters of a tensor; undefined if they are not legal. */
function tensorParameters(value: unknown, name: string): Value | undefined {
  if (value === undefined || value === null) return {};
  if (!isObject(value) || !hasOnly(value, [name, ...ignored])) return undefined;
  const parameters = without(value, ignored);
  return areIgnored(parameters) ? parameters : undefined;
}

/** A request whose tensors have been read. */
export interface Inference {
  readonly parameters: Value;
  /** By name, with null for a mask. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[];
}

/** The tensor of an input; undefined if it is not legal. Takes its bytes off `binary`. */
function readTensor(input: Value, inputs: Inputs, binary: { rest: Buffer }): Tensor | undefined {
  const { name, shape, datatype, data } = input;
  if (!hasOnly(input, ['name', 'shape', 'datatype', 'parameters', 'data']) || typeof name !== 'string')
    return undefined;
  const parameters = tensorParameters(input.parameters, 'binary_data_size');
  if (parameters === undefined || !Object.hasOwn(inputs, name) || !datatypes.includes(datatype as never))
    return undefined;
  const [legal, axesMax] = inputs[name];
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > axesMax) return undefined;
  if (!shape.every((size) => isInteger(size, 0)) || !legal.includes(datatype as string)) return undefined;
  const count = countOf(shape);
  const bytes = count * bytesOf(datatype as never);
  const size = parameters.binary_data_size;
  if (!Number.isSafeInteger(bytes) || (size === undefined) === (data === undefined)) return undefined;
  if (size !== undefined) {
    if (size !== bytes || bytes > binary.rest.length) return undefined;
    const values = binaryValues(binary.rest.subarray(0, bytes), datatype as never);
    binary.rest = binary.rest.subarray(bytes);
    return values && new Tensor(shape, values);
  }
  const tensor = tensorIn(data);
  if (datatype === 'FP16' || datatype === 'BF16' || !(tensor instanceof Tensor)) return undefined;
  if (!sameShape(tensor.shape, [count]) && !sameShape(tensor.shape, shape)) return undefined;
  const isElement = (value: unknown) =>
    datatype === 'BOOL' ? typeof value === 'boolean' : typeof value === 'number' || value === null;
  return tensor.values.every(isElement) ? new Tensor(shape, tensor.values) : undefined;
}

/** Undefined if the request is not legal whatever it draws. */
export function readInference(model: Model, json: unknown, binary: Buffer): Inference | undefined {
  if (!isObject(json) || !hasOnly(json, ['id', 'model_name', 'parameters', 'inputs', 'outputs'])) return undefined;
  const {
    id,
    model_name: name = model,
    parameters: given = {},
    inputs,
    outputs = [],
  } = without(json, [...['id', 'parameters', 'outputs']]);
  const spec = models[model];
  if (!isShort(id ?? '', 1024) || name !== model || !isObject(given) || !Array.isArray(inputs)) return undefined;
  const parameters = without(given, ['seed', 'num_samples', 'noise', 'top_k', ...ignored, 'priority']);
  const known = [...new Set(Object.values(models).flatMap((each) => each.parameters))];
  if (!hasOnly(given, [...commonParameters, ...known])) return undefined;
  if (!hasOnly(parameters, [...commonParameters, ...spec.parameters]) || !areCommon(parameters)) return undefined;
  const tensors = new Map<string, Tensor>();
  const bytes = { rest: binary };
  if (inputs.length < 1 || inputs.length > 8) return undefined;
  for (const input of inputs) {
    const tensor = isObject(input) ? readTensor(input, spec.inputs, bytes) : undefined;
    if (tensor === undefined || tensors.has(input.name)) return undefined;
    tensors.set(input.name, tensor);
  }
  if (
    bytes.rest.length > 0 ||
    ['temperature', 'hard', 'seed'].some((each) => tensors.has(each) && parameters[each] !== undefined)
  )
    return undefined;
  const wanted = readOutputs(outputs, spec.outputs, parameters);
  return wanted && { parameters, tensors, outputs: wanted };
}

function areCommon(parameters: Value): boolean {
  const { temperature, hard, timeout, binary_data_output: binary, priority } = parameters;
  return (
    (temperature === undefined || Number.isFinite(temperature)) &&
    isOneOf(hard, [true, false]) &&
    isOneOf(binary, [true, false]) &&
    (timeout === undefined || isInteger(timeout, 1)) &&
    (priority === undefined || isInteger(priority, 0)) &&
    areIgnored(parameters)
  );
}

function readOutputs(outputs: unknown, known: Outputs, parameters: Value): Inference['outputs'] | undefined {
  if (!Array.isArray(outputs) || outputs.length > 10) return undefined;
  const read: { name: string; binary: boolean }[] = [];
  for (const output of outputs) {
    if (!isObject(output) || !hasOnly(output, ['name', 'parameters']) || typeof output.name !== 'string')
      return undefined;
    const { name } = output;
    const own = tensorParameters(output.parameters, 'binary_data');
    if (own === undefined || !isOneOf(own.binary_data, [true, false]) || !Object.hasOwn(known, name)) return undefined;
    if (read.some((other) => other.name === name)) return undefined;
    read.push({ name, binary: (own.binary_data ?? parameters.binary_data_output ?? false) as boolean });
  }
  return read;
}

/** Temperature, hard and seed as fields of a draw: of one element alone, or a tensor. */
function fieldsOf({ parameters, tensors }: Inference): Value {
  const oneOrTensor = (tensor: Tensor | undefined) =>
    tensor && sameShape(tensor.shape, [1]) ? tensor.values[0] : tensor;
  const given = ['temperature', 'hard', 'seed'].flatMap((name) => {
    const value = oneOrTensor(tensors.get(name)) ?? (tensors.has(name) ? null : parameters[name]);
    return value === undefined ? [] : [[name, value]];
  });
  return { ...parameters, ...Object.fromEntries(given) };
}

function isWithin(
  draws: number,
  topK: number,
  categories: number,
  inference: Inference,
  known: Outputs,
  limits: InferenceLimits,
) {
  const widths = { one: 1, categories, topK };
  const numbers = { json: 0, binary: 0 };
  for (const { name, binary } of inference.outputs) numbers[binary ? 'binary' : 'json'] += draws * widths[known[name]];
  return numbers.json <= limits.elementsReturnedMax && numbers.binary <= limits.binaryElementsReturnedMax;
}

/** The inference with the outputs that a model has by default. */
function withOutputs(inference: Inference, names: readonly string[]): Inference {
  if (inference.outputs.length > 0) return inference;
  const binary = (inference.parameters.binary_data_output ?? false) as boolean;
  return { ...inference, outputs: names.map((name) => ({ name, binary })) };
}

function isLegalInfer(model: Model, given: Inference, logits: Logits, limits: InferenceLimits): Verdict {
  const fields = fieldsOf(given);
  const { seed, top_k: topK, num_samples: samples = 1 } = fields;
  if (model === 'gumbel_softmax_log_prob') return isLegalLogProb(given, logits, limits);
  // A parameter is one seed.
  if (typeof seed === 'object' && !(seed instanceof Tensor)) return false;
  if (!isLegalDraw(fields, logits, limits)) return false;
  const draws = (samples as number) * logits.rows;
  if (model === 'gumbel_softmax_vjp') {
    const inference = withOutputs(given, ['grad_logits']);
    const cotangent = given.tensors.get('cotangent');
    const isSoft = fields.estimator === undefined || fields.estimator === 'straight_through';
    if (seed === undefined || !isEstimator(fields, logits) || cotangent === undefined) return false;
    if (!isSoft && inference.outputs.some(({ name }) => name === 'grad_temperature')) return false;
    const isShaped = sameShape(cotangent.shape, shapeOfSamples(fields.num_samples, logits));
    if (!isShaped || !cotangent.values.every(isFloat32)) return false;
    return isWithin(
      draws,
      0,
      logits.categories,
      withOutputs(given, defaultGradients(isSoft)),
      models[model].outputs,
      limits,
    );
  }
  const { outputs } = withOutputs(given, ['samples', 'indices', ...(topK === undefined ? [] : ['top_indices'])]);
  const names = outputs.map(({ name }) => name);
  const isTop = (name: string) => name.startsWith('top_');
  if (!isTopK(topK, logits) || names.some(isTop) !== (topK !== undefined)) return false;
  if (!isWithin(draws, (topK as number) ?? 0, logits.categories, { ...given, outputs }, models[model].outputs, limits))
    return false;
  const conditions = given.tensors.get('given_indices');
  return (
    conditions === undefined ||
    (areGiven(conditions, logits) && isConditioned(conditions, fields.noise, (topK as number) ?? 0, names, logits))
  );
}

function defaultGradients(isSoft: boolean): string[] {
  return isSoft ? ['grad_logits', 'grad_temperature'] : ['grad_logits'];
}

function isLegalLogProb(given: Inference, logits: Logits, limits: InferenceLimits): Verdict {
  const fields = fieldsOf(given);
  const [kind, another] = ['samples', 'log_samples', 'indices', 'top_indices'].filter((name) =>
    given.tensors.has(name),
  );
  if (kind === undefined || another !== undefined) return false;
  const isIndex = kind === 'indices' || kind === 'top_indices';
  if (isIndex ? fields.temperature !== undefined : !isTemperature(fields.temperature, logits)) return false;
  if (!isOneOf(fields.masks, ['allow', 'refuse']) || !areMasksAllowed(fields.masks, logits)) return false;
  const points = given.tensors.get(kind) as Tensor;
  const width = isIndex && kind === 'indices' ? 1 : (points.shape.at(-1) as number);
  const inference = withOutputs(given, ['log_prob']);
  if (!isWithin(points.values.length / width, 0, 0, inference, models.gumbel_softmax_log_prob.outputs, limits))
    return false;
  return arePoints(kind, points, logits, { ...limits, elementsReturnedMax: Number.POSITIVE_INFINITY });
}

/** Whether a model takes a request. A raw body is one row of FP32 logits. */
export function isLegalInference(model: Model, inference: Inference | undefined, limits: InferenceLimits): Verdict {
  const logits = inference && readLogits(inference.tensors.get('logits'), limits);
  if (inference === undefined || logits === undefined) return false;
  for (const name of ['temperature', 'hard', 'seed']) {
    const shape = inference.tensors.get(name)?.shape;
    const isNested = logits.leading.length > 1 && shape !== undefined && sameShape(shape, logits.leading);
    if (shape && !isNested && !sameShape(shape, [1]) && !sameShape(shape, [logits.rows])) return false;
  }
  if (inference.tensors.has('temperature')) {
    if (!(inference.tensors.get('temperature') as Tensor).values.every(isTemperatureNumber)) return false;
  }
  return isLegalInfer(model, inference, logits, limits);
}
