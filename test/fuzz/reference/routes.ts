/** Which bodies of POST /sample, /sample/vjp and /log-prob are legal: docs/api.md as a program. */
import {
  areCounters,
  areGiven,
  areMasksAllowed,
  hasOnly,
  isAllHard,
  isFloat32,
  isHard,
  isInteger,
  isObject,
  isOneOf,
  isSeed,
  isTemperature,
  isTopK,
  type Limits,
  type Logits,
  readLogits,
  type Value,
} from './fields.js';
import { countOf, sameShape, Tensor, tensorIn } from './tensor.js';

/** Undefined where rounding decides. */
export type Verdict = boolean | undefined;

const drawFields = [
  ...['logits', 'temperature', 'hard', 'seed', 'num_samples', 'row_offset', 'sample_offset', 'noise', 'masks'],
];

/** Fields in which null means absent. */
const nullable = ['seed', 'num_samples', 'noise', 'top_k', 'return'];

/** The fields that are there, with tensors for arrays. */
function fieldsOf(body: Value): Value {
  const sent = Object.entries(body).filter(([name, value]) => value !== null || !nullable.includes(name));
  return Object.fromEntries(sent.map(([name, value]) => [name, name === 'return' ? value : tensorIn(value)]));
}

/** The outputs that `return` may name, each with the numbers that it has for a row. */
const widths: Readonly<Record<string, (categories: number, topK: number) => number>> = {
  samples: (categories) => categories,
  indices: () => 1,
  log_samples: (categories) => categories,
  log_prob: () => 1,
  noise: (categories) => categories,
  index_log_prob: () => 1,
  top_scores: (_, topK) => topK,
  top_threshold: () => 1,
  top_log_prob: () => 1,
};

export function isLegalDraw(fields: Value, logits: Logits, limits: Limits): boolean {
  return (
    isTemperature(fields.temperature, logits) &&
    isHard(fields.hard, logits) &&
    (fields.seed === undefined || isSeed(fields.seed, fields.row_offset, logits)) &&
    areCounters(fields, logits, limits) &&
    areMasksAllowed(fields.masks, logits)
  );
}

function isLegalSample(body: Value, limits: Limits): Verdict {
  const fields = fieldsOf(body);
  const logits = readLogits(fields.logits, limits);
  if (!hasOnly(body, [...drawFields, 'top_k', 'given_indices', 'return'])) return false;
  if (logits === undefined || !isLegalDraw(fields, logits, limits) || !isTopK(fields.top_k, logits)) return false;
  const { return: returned = ['samples', 'indices'], given_indices: given, noise, num_samples: samples = 1 } = fields;
  const topK = (fields.top_k as number | undefined) ?? 0;
  if (!Array.isArray(returned) || returned.length === 0 || new Set(returned).size < returned.length) return false;
  if (!returned.every((name) => typeof name === 'string' && Object.hasOwn(widths, name))) return false;
  if (topK === 0 && returned.some((name) => name.startsWith('top_'))) return false;
  const width = returned.reduce((sum, name) => sum + widths[name](logits.categories, topK), topK);
  if ((samples as number) * logits.rows * width > limits.elementsReturnedMax) return false;
  return given === undefined || isConditioned(given, noise, topK, returned, logits);
}

export function isConditioned(
  given: unknown,
  noise: unknown,
  topK: number,
  returned: readonly string[],
  logits: Logits,
): boolean {
  return areGiven(given, logits) && noise !== 'none' && topK === 0 && !returned.includes('log_prob');
}

/** The shape of the samples of a draw. */
export function shapeOfSamples(samples: unknown, { leading, categories }: Logits): number[] {
  return [...(samples === undefined ? [] : [samples as number]), ...leading, categories];
}

export function isEstimator(fields: Value, { categories }: Logits): boolean {
  const { estimator, rao_samples: raoSamples, noise, hard } = fields;
  if (!isOneOf(estimator, ['straight_through', 'reinmax', 'softmax', 'gumbel_rao'])) return false;
  if (estimator !== undefined && estimator !== 'straight_through' && !isAllHard(hard)) return false;
  if (estimator !== 'gumbel_rao') return raoSamples === undefined;
  return isInteger(raoSamples, 1, 1024) && raoSamples * categories <= 2 ** 21 && noise !== 'none';
}

function isLegalVjp(body: Value, limits: Limits): Verdict {
  const fields = fieldsOf(body);
  const logits = readLogits(fields.logits, limits);
  if (!hasOnly(body, [...drawFields, 'cotangent', 'estimator', 'rao_samples'])) return false;
  if (logits === undefined || fields.seed === undefined || !isLegalDraw(fields, logits, limits)) return false;
  const { cotangent, num_samples: samples } = fields;
  if (!isEstimator(fields, logits) || !(cotangent instanceof Tensor)) return false;
  return sameShape(cotangent.shape, shapeOfSamples(samples, logits)) && cotangent.values.every(isFloat32);
}

const kinds = ['samples', 'log_samples', 'indices', 'top_indices'];

function isLegalLogProb(body: Value, limits: Limits): Verdict {
  const fields = fieldsOf(body);
  const logits = readLogits(fields.logits, limits);
  if (!hasOnly(body, ['logits', 'temperature', ...kinds, 'masks']) || logits === undefined) return false;
  const [kind, another] = kinds.filter((name) => fields[name] !== undefined);
  if (kind === undefined || another !== undefined) return false;
  if (!isOneOf(fields.masks, ['allow', 'refuse']) || !areMasksAllowed(fields.masks, logits)) return false;
  const isIndex = kind === 'indices' || kind === 'top_indices';
  if (isIndex ? fields.temperature !== undefined : !isTemperature(fields.temperature, logits)) return false;
  const value = fields[kind];
  return arePoints(kind, typeof value === 'number' ? new Tensor([], [value]) : value, logits, limits);
}

/** Points whose log-probability is asked for: shaped like the logits, perhaps with an axis of samples in front. */
export function arePoints(kind: string, points: unknown, logits: Logits, { elementsReturnedMax }: Limits): Verdict {
  if (!(points instanceof Tensor)) return false;
  const { leading, categories } = logits;
  const own = kind === 'indices' ? [] : kind === 'top_indices' ? [points.shape.at(-1) ?? 0] : [categories];
  const shape = [...leading, ...own];
  const isShaped = sameShape(points.shape, shape) || sameShape(points.shape.slice(1), shape);
  if (!isShaped || points.rank < shape.length || points.shape.includes(0)) return false;
  const width = countOf(own);
  const draws = points.values.length / width;
  if (draws > elementsReturnedMax) return false;
  const verdicts = Array.from({ length: draws }, (_, draw) =>
    isPoint(kind, points.values.slice(draw * width, (draw + 1) * width), rowOf(logits, draw)),
  );
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}

function rowOf({ rows, categories, values }: Logits, draw: number): readonly (number | null)[] {
  const row = draw % rows;
  return values.slice(row * categories, (row + 1) * categories);
}

function isPoint(kind: string, point: readonly unknown[], row: readonly (number | null)[]): Verdict {
  const isCategory = (value: unknown) => isInteger(value, 0, row.length - 1);
  if (kind === 'indices') return point.every(isCategory);
  if (kind === 'top_indices') {
    return (
      point.every((value) => isCategory(value) && row[value as number] !== null) && new Set(point).size === point.length
    );
  }
  const areLogs = kind === 'log_samples';
  let sum = 0;
  for (const [category, value] of point.entries()) {
    const isMasked = row[category] === null;
    if (areLogs ? value === null && !isMasked : value === null) return false;
    if (value === null) continue;
    if (!isFloat32(value)) return false;
    const rounded = Math.fround(value);
    if (!areLogs && (rounded < 0 || (rounded === 0 && !isMasked))) return false;
    sum += areLogs ? Math.exp(rounded) : rounded;
  }
  const error = Math.abs(sum - 1);
  // Two sums of up to 512 float64 numbers near 1 in another order differ by less than 512 * 2^-52 < 1e-12.
  if (Math.abs(error - 1e-3) < 1e-12) return undefined;
  return error < 1e-3;
}

const routes = { '/sample': isLegalSample, '/sample/vjp': isLegalVjp, '/log-prob': isLegalLogProb } as const;

export type Route = keyof typeof routes;
export const routeNames = Object.keys(routes) as readonly Route[];

/** Whether a route takes a body, as JSON.parse has read it. */
export function isLegalBody(route: Route, body: unknown, limits: Limits): Verdict {
  return isObject(body) && routes[route](body, limits);
}
