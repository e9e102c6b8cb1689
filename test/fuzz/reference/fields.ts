/**
 * What docs/api.md says of each field of a draw, read off values of JSON.parse: an independent statement of which
 * requests are legal. Arrays are tensors (tensor.ts).
 */
import { countOf, sameShape, Tensor } from './tensor.js';

export interface Limits {
  readonly rowsMax: number;
  readonly categoriesMax: number;
  readonly samplesMax: number;
  readonly elementsReturnedMax: number;
}

/** Logits whose values are finite float32, and null where masked. */
export interface Logits {
  readonly leading: readonly number[];
  readonly rows: number;
  readonly categories: number;
  readonly values: readonly (number | null)[];
}

export type Value = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
}

export function hasOnly(value: Value, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}

export function isInteger(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

export function isFloat32(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

export function isOneOf(value: unknown, names: readonly unknown[]): boolean {
  return value === undefined || names.includes(value);
}

/** Undefined if they are not legal. */
export function readLogits(tensor: unknown, { rowsMax, categoriesMax }: Limits): Logits | undefined {
  if (!(tensor instanceof Tensor) || tensor.rank > 8) return undefined;
  const leading = tensor.shape.slice(0, -1);
  const categories = tensor.shape.at(-1) as number;
  const rows = countOf(leading);
  const values = tensor.values as Logits['values'];
  if (rows < 1 || rows > rowsMax || categories < 1 || categories > categoriesMax) return undefined;
  if (!values.every((value) => value === null || isFloat32(value))) return undefined;
  for (let row = 0; row < rows; row++) {
    if (values.slice(row * categories, (row + 1) * categories).every((value) => value === null)) return undefined;
  }
  return { leading, rows, categories, values };
}

/** Whether a list has an entry for each row: flat, or in the shape of the rows. */
function isPerRow({ shape }: Tensor, { leading, rows }: Logits): boolean {
  return sameShape(shape, [rows]) || sameShape(shape, leading);
}

export function isTemperature(value: unknown, logits: Logits): boolean {
  if (value === undefined) return true;
  if (value instanceof Tensor) return isPerRow(value, logits) && value.values.every(isTemperatureNumber);
  return isObject(value) ? isSchedule(value) : isTemperatureNumber(value);
}

export function isTemperatureNumber(value: unknown): boolean {
  if (typeof value !== 'number') return false;
  const rounded = Math.fround(value);
  return rounded >= Math.fround(1e-6) && rounded <= Math.fround(1e6);
}

function isSchedule(value: Value): boolean {
  const { schedule, initial, minimum, rate, steps, step } = value;
  const pace = schedule === 'exponential' ? 'rate' : 'steps';
  const isNamed = schedule === 'exponential' || schedule === 'linear' || schedule === 'cosine';
  const isPaced = pace === 'rate' ? Number.isFinite(rate) && (rate as number) >= 0 : isInteger(steps, 1);
  const areTemperatures = isTemperatureNumber(initial) && isTemperatureNumber(minimum);
  if (!isNamed || !isPaced || !areTemperatures || !isInteger(step, 0)) return false;
  return (minimum as number) <= (initial as number) && hasOnly(value, ['schedule', 'initial', 'minimum', pace, 'step']);
}

export function isHard(value: unknown, logits: Logits): boolean {
  if (value instanceof Tensor)
    return isPerRow(value, logits) && value.values.every((flag) => typeof flag === 'boolean');
  return value === undefined || typeof value === 'boolean';
}

export function isAllHard(value: unknown): boolean {
  return value instanceof Tensor ? value.values.every((flag) => flag === true) : value === true;
}

function isSeedValue(value: unknown): boolean {
  if (typeof value === 'string') return /^(0|[1-9]\d{0,19})$/.test(value) && BigInt(value) < 2n ** 64n;
  return isInteger(value, 0);
}

/** A seed that is there. One seed in a flat list is that of all rows. */
export function isSeed(value: unknown, rowOffset: unknown, logits: Logits): boolean {
  if (!(value instanceof Tensor)) return isSeedValue(value);
  if (!value.values.every(isSeedValue)) return false;
  if (value.rank === 1 && value.values.length === 1) return true;
  return isPerRow(value, logits) && (value.values.length === 1 || rowOffset === undefined || rowOffset === 0);
}

/** The fields that number rows and samples, and the choices. */
export function areCounters(value: Value, { rows }: Logits, { samplesMax }: Limits): boolean {
  const { num_samples, row_offset, sample_offset, noise, masks } = value;
  const isCounter = (offset: unknown, count: number) =>
    offset === undefined || isInteger(offset, 0, Math.min(2 ** 32 - 1, 2 ** 32 - count));
  return (
    (num_samples === undefined || isInteger(num_samples, 1, samplesMax)) &&
    isCounter(row_offset, rows) &&
    isCounter(sample_offset, (num_samples as number | undefined) ?? 1) &&
    isOneOf(noise, ['gumbel', 'none']) &&
    isOneOf(masks, ['allow', 'refuse'])
  );
}

export function areMasksAllowed(masks: unknown, { values }: Logits): boolean {
  return masks !== 'refuse' || !values.includes(null);
}

export function isTopK(value: unknown, { rows, categories, values }: Logits): boolean {
  if (value === undefined) return true;
  if (!isInteger(value, 1)) return false;
  return Array.from({ length: rows }, (_, row) => values.slice(row * categories, (row + 1) * categories)).every(
    (row) => value === 1 || value <= row.filter((logit) => logit !== null).length,
  );
}

/** Indices to condition on: one for each row, of a category that is not masked. */
export function areGiven(value: unknown, logits: Logits): boolean {
  const { leading, categories, values } = logits;
  const isIndex = (index: unknown, row: number) =>
    isInteger(index, 0, categories - 1) && values[row * categories + index] !== null;
  if (value instanceof Tensor) return isPerRow(value, logits) && value.values.every(isIndex);
  return leading.length === 0 && isIndex(value, 0);
}
