/**
 * The elements of input tensors: floats, seeds and flags, from JSON or from bytes. What is wrong is reported at the
 * tensor.
 */
import type { Memory } from '../json/array-reader.js';
import { FlagList } from '../json/flag-reader.js';
import { NumberMatrix } from '../json/number-matrix.js';
import { decimalOf } from '../json/seed-list.js';
import { readSeeds } from '../json/seed-reader.js';
import { inSlices, nextTurn } from '../runtime/event-loop-turns.js';
import { scanFloats } from '../schemas/float-scan/float-scan.js';
import { type IssueSink, isEnough } from '../schemas/issue.js';
import type { IssueList } from '../schemas/issue-list.js';
import {
  isLegalShape,
  type Logits,
  type LogitsLimits,
  Masking,
  readLogits,
  reportMaskedRows,
  scanLogits,
} from '../schemas/logits.js';
import { type AbsentSeed, readSeed, type Seed } from '../schemas/seed.js';
import { type Temperature, toTemperature } from '../schemas/temperature.js';
import type { InputTensor } from './input-tensors.js';
import { isFloat } from './tensors/datatypes.js';
import { floatsOf } from './tensors/floats.js';

/** Elements looked at in one turn of the event loop, at up to four nanoseconds each. */
const turnElements = 2 ** 18;

/** The largest finite float32. */
const floatMax = (2 - 2 ** -23) * 2 ** 127;

/** float32 elements, NaN for null in JSON; undefined once it has been reported that they are no numbers. */
async function floatsIn(tensor: InputTensor, issues: IssueList): Promise<Float32Array | undefined> {
  const { bytes, data, datatype, path } = tensor;
  if (!isFloat(datatype)) throw new Error(`A ${datatype} tensor was read as floats. This is a bug.`);
  if (bytes !== undefined) return floatsOf(bytes, datatype);
  if (data instanceof NumberMatrix) return data.data;
  issues.report('validation', [...path, 'data'], 'must be an array of numbers, flat or nested as the shape says');
  return undefined;
}

/**
 * Logits as POST /sample takes them: null in JSON and -infinity in bytes are masks, anything else that is not finite is
 * refused.
 */
export async function logitsIn(
  tensor: InputTensor,
  limits: LogitsLimits,
  issues: IssueList,
): Promise<Logits | undefined> {
  const [rows, categories] = tensor.shape as [number, number];
  const sink = issues.at(tensor.path);
  if (!isLegalShape(rows, categories, limits, sink)) return undefined;
  const data = await floatsIn(tensor, issues);
  if (data === undefined) return undefined;
  if (tensor.bytes === undefined) {
    const { nullCount, infiniteCount } = tensor.data as NumberMatrix;
    const fields = { rank: 2, rows, columns: categories, data, nullCount, infiniteCount, raggedRow: -1 } as const;
    return readLogits(await scanLogits(new NumberMatrix(fields)), limits, sink);
  }
  const masking = new Masking(data, categories);
  let right = true;
  const waiting = inSlices(data.length, turnElements, (from, to) => {
    right = areLogits(data, categories, from, to, tensor, issues);
    if (right) masking.step(from, to);
    return !right || isEnough(masking.maskedRows.length);
  });
  if (waiting) await waiting;
  if (!right) return undefined;
  reportMaskedRows(masking.maskedRows, (row) => [row], sink);
  return masking.maskedRows.length === 0 ? { rank: 2, rows, categories, data } : undefined;
}

/** Whether elements [from, to) of binary logits are legal; false once what is wrong has been reported. */
function areLogits(
  data: Float32Array,
  categories: number,
  from: number,
  to: number,
  { path }: InputTensor,
  issues: IssueList,
): boolean {
  if (!scanFloats(data, from, to).notFinite) return true;
  const refuse = (at: number) => {
    const text = 'is NaN or +infinity, or leaves float32; only -infinity is legal, for a mask';
    issues.report('non-finite-logits', path, `${placeOf(at, categories)} ${text}`);
  };
  return areBelowInfinity(data, from, to, -Infinity, refuse);
}

/** Finite numbers of a given shape. */
export async function finiteIn(
  tensor: InputTensor,
  shape: readonly number[],
  issues: IssueList,
): Promise<Float32Array | undefined> {
  if (shape.length !== tensor.shape.length || !shape.every((extent, axis) => extent === tensor.shape[axis])) {
    issues.report('validation', [...tensor.path, 'shape'], `must be that of the samples, [${shape.join(', ')}]`);
    return undefined;
  }
  const data = await floatsIn(tensor, issues);
  if (data === undefined) return undefined;
  const columns = shape.at(-1) as number;
  const refuse = (at: number) => {
    const text = 'is not finite in float32; send 0 for a masked category';
    issues.report('validation', tensor.path, `${placeOf(at, columns)} ${text}`);
  };
  for (let from = 0; from < data.length; from += turnElements) {
    if (from > 0) await nextTurn();
    const to = Math.min(from + turnElements, data.length);
    if (!scanFloats(data, from, to).notFinite) continue;
    areBelowInfinity(data, from, to, -floatMax, refuse);
    return undefined;
  }
  return data;
}

/** One temperature, or one for each row. */
export async function temperatureIn(tensor: InputTensor, issues: IssueList): Promise<Temperature | undefined> {
  const data = await floatsIn(tensor, issues);
  return data && toTemperature(data, tensor.shape[0] !== 1, issues.at(tensor.path));
}

/** One seed, or one for each row. */
export async function seedIn(
  tensor: InputTensor,
  memory: Memory,
  issues: IssueList,
  absent: AbsentSeed,
): Promise<Seed | undefined> {
  const { bytes, data, datatype, path } = tensor;
  const perRow = tensor.shape[0] !== 1;
  if (bytes !== undefined) return seedOfBytes(bytes, datatype === 'INT64', perRow, path, issues);
  // Its own digits, since float32 keeps too few of them.
  const list = data instanceof NumberMatrix && data.text ? await readSeeds(data.text, data.columns, memory) : undefined;
  if (list) {
    const seed = readSeed(list, perRow ? issues.at(path) : withoutRow(issues.at(path)), absent);
    return seed && { given: decimalOf(seed.words, 0), perRow, words: seed.words };
  }
  issues.report(
    'validation',
    [...path, 'data'],
    'must be an array of integers; send a seed above 2^53 - 1 as binary data or as the parameter seed, a string',
  );
  return undefined;
}

/** Of a single seed it is not said which one. */
function withoutRow(sink: IssueSink): IssueSink {
  return { addIssue: (issue) => sink.addIssue({ ...issue, path: [] }) };
}

/** Seeds of eight bytes each. */
function seedOfBytes(
  bytes: Buffer,
  isSigned: boolean,
  perRow: boolean,
  path: InputTensor['path'],
  issues: IssueList,
): Seed | undefined {
  // A copy, since the bytes may not be aligned. A 64-bit integer is its low word, then its high word.
  const words = new Uint32Array(new Uint8Array(bytes).buffer);
  const negative = isSigned ? words.findIndex((word, at) => at % 2 === 1 && word >= 2 ** 31) : -1;
  if (negative >= 0) issues.report('invalid-seed', path, `at row ${(negative - 1) / 2}: must not be negative`);
  return negative < 0 ? { given: decimalOf(words, 0), perRow, words } : undefined;
}

/** uint8: one flag, or one for each row; 1 is true. */
export function flagsIn(tensor: InputTensor, issues: IssueList): Uint8Array | undefined {
  const { bytes, data, path } = tensor;
  if (bytes !== undefined) {
    const wrong = bytes.findIndex((value) => value > 1);
    if (wrong < 0) return Uint8Array.from(bytes);
    issues.report('validation', path, `at row ${wrong}: must be 0 or 1, one byte each`);
    return undefined;
  }
  const [count] = tensor.shape as [number];
  if (data instanceof FlagList && data.flags.length === count) return Uint8Array.from(data.flags);
  issues.report('validation', [...path, 'data'], `must be ${count} of true or false`);
  return undefined;
}

/**
 * Whether elements [from, to) are all from `least` to the largest float32; `refuse` is told of up to ten that are not,
 * NaN among them.
 */
function areBelowInfinity(
  data: Float32Array,
  from: number,
  to: number,
  least: number,
  refuse: (at: number) => void,
): boolean {
  let wrong = 0;
  for (let at = from; at < to && !isEnough(wrong); at++) {
    const value = data[at] as number;
    if (value < Infinity && value >= least) continue;
    wrong += 1;
    refuse(at);
  }
  return wrong === 0;
}

/** Where an element of a tensor is, in words. */
export function placeOf(at: number, columns: number): string {
  return `at row ${Math.floor(at / columns)}, column ${at % columns}:`;
}
