/**
 * Reads the elements of input tensors: floats, seeds and flags, from JSON or from bytes. Errors point at the tensor.
 */
import type { Memory } from '../json/array-reader.js';
import { FlagList } from '../json/flag-reader.js';
import { NumberMatrix } from '../json/number-matrix.js';
import { decimalOf } from '../json/seed-list.js';
import { readSeeds } from '../json/seed-reader.js';
import { keepFractions } from '../json/whole-numbers.js';
import { inSlices, nextTurn } from '../runtime/event-loop-turns.js';
import { isPerRow, perRowText } from '../schemas/entries.js';
import { scanFloats } from '../schemas/float-scan/float-scan.js';
import { readGiven } from '../schemas/given-indices.js';
import { type IssueSink, isEnough } from '../schemas/issue.js';
import type { IssueList } from '../schemas/issue-list.js';
import { areIndices, type PointKind, type Points } from '../schemas/log-prob-points.js';
import {
  isLegalShape,
  type Logits,
  type LogitsLimits,
  Masking,
  readLogits,
  reportMaskedRows,
  scanLogits,
} from '../schemas/logits.js';
import { isShaped } from '../schemas/points.js';
import { type AbsentSeed, readSeed, type Seed } from '../schemas/seed.js';
import { type Temperature, toTemperature } from '../schemas/temperature.js';
import type { InputTensor } from './input-tensors.js';
import { type Datatype, datatypeBytes, isFloat } from './tensors/datatypes.js';
import { floatsOf } from './tensors/floats.js';

/** Elements checked in one turn of the event loop. */
const turnElements = 2 ** 18;

/** The largest finite float32. */
const floatMax = (2 - 2 ** -23) * 2 ** 127;

/** float32 elements, NaN for null in JSON. Reports an issue and returns undefined if they are not numbers. */
async function floatsIn(tensor: InputTensor, issues: IssueList): Promise<Float32Array | undefined> {
  const { bytes, data, datatype, path } = tensor;
  if (!isFloat(datatype)) throw new Error(`A ${datatype} tensor was read as floats. This is a bug.`);
  if (bytes !== undefined) return floatsOf(bytes, datatype);
  if (data instanceof NumberMatrix) return data.data;
  issues.report('validation', [...path, 'data'], 'must be an array of numbers, flat or nested as the shape');
  return undefined;
}

/** The same logits as of POST /sample. null in JSON and -infinity in bytes are masks; other values must be finite. */
export async function logitsIn(
  tensor: InputTensor,
  limits: LogitsLimits,
  issues: IssueList,
): Promise<Logits | undefined> {
  const leadingShape = tensor.shape.slice(0, -1);
  const categories = tensor.shape[tensor.shape.length - 1];
  const rows = elementsOf(leadingShape);
  const sink = issues.at(tensor.path);
  if (!isLegalShape(rows, categories, limits, sink)) return undefined;
  const data = await floatsIn(tensor, issues);
  if (data === undefined) return undefined;
  if (tensor.bytes === undefined) {
    const { nullCount, infiniteCount } = tensor.data as NumberMatrix;
    // As rows, whatever the shape is: messages about a tensor number its rows row-major.
    const matrix = new NumberMatrix({
      shape: [rows, categories],
      data,
      nullCount,
      infiniteCount,
      raggedPath: undefined,
    });
    const logits = readLogits(await scanLogits(matrix), limits, sink);
    return logits && { leadingShape, rows, categories, data: logits.data };
  }
  const masking = new Masking(data, categories);
  let isLegal = true;
  const waiting = inSlices(data.length, turnElements, (from, to) => {
    isLegal = areLogits(data, categories, from, to, tensor, issues);
    if (isLegal) masking.step(from, to);
    return !isLegal || isEnough(masking.maskedRows.length);
  });
  if (waiting) await waiting;
  if (!isLegal) return undefined;
  reportMaskedRows(masking.maskedRows, (row) => [row], sink);
  return masking.maskedRows.length === 0 ? { leadingShape, rows, categories, data } : undefined;
}

/** Whether elements [from, to) of binary logits are legal. Reports those that are not. */
function areLogits(
  data: Float32Array,
  categories: number,
  from: number,
  to: number,
  { path }: InputTensor,
  issues: IssueList,
): boolean {
  if (!scanFloats(data, from, to).notFinite) return true;
  const refuse = (index: number) => {
    const text = 'is NaN, +infinity or too large for float32; only -infinity is legal, for a mask';
    issues.report('non-finite-logits', path, `${placeOf(index, categories)} ${text}`);
  };
  return areBelowInfinity(data, from, to, -Infinity, refuse);
}

/** float32 elements that must be finite, of a given shape. */
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
  const refuse = (index: number) => {
    const text = 'is not finite in float32; send 0 for a masked category';
    issues.report('validation', tensor.path, `${placeOf(index, columns)} ${text}`);
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

/**
 * The numbers of points, of a shape that has been checked: finite, or as logarithms -Infinity too. Their other checks
 * are those of POST /log-prob.
 */
export async function pointsIn(
  tensor: InputTensor,
  kind: PointKind,
  issues: IssueList,
): Promise<Points['numbers'] | undefined> {
  if (areIndices(kind)) {
    const data = await integersIn(tensor, issues);
    return data && { data, nullCount: 0, infiniteCount: 0 };
  }
  const data = await floatsIn(tensor, issues);
  if (data === undefined) return undefined;
  if (tensor.bytes === undefined) return { ...(tensor.data as NumberMatrix), data };
  const least = kind === 'log_samples' ? -Infinity : -floatMax;
  const columns = tensor.shape.at(-1) as number;
  const refuse = (index: number) => {
    const legal = kind === 'log_samples' ? '; only -infinity is legal, at a masked category' : '';
    issues.report('validation', tensor.path, `${placeOf(index, columns)} is not finite in float32${legal}`);
  };
  let isLegal = true;
  let areFinite = true;
  const waiting = inSlices(data.length, turnElements, (from, to) => {
    if (!scanFloats(data, from, to).notFinite) return false;
    areFinite = false;
    isLegal = areBelowInfinity(data, from, to, least, refuse);
    return !isLegal;
  });
  if (waiting) await waiting;
  return isLegal ? { data, nullCount: areFinite ? 0 : data.length, infiniteCount: 0 } : undefined;
}

/** Indices as float32, which holds those of all categories. What is no such integer is -1, or a fraction. */
async function integersIn({ bytes, data, datatype, path }: InputTensor, issues: IssueList) {
  if (bytes !== undefined) return indicesOf(bytes, datatype);
  if (data instanceof NumberMatrix) {
    const waiting = keepFractions(data);
    if (waiting) await waiting;
    return data.data;
  }
  issues.report('validation', [...path, 'data'], 'must be an array of integers, flat or nested as the shape');
  return undefined;
}

/** Indices of categories from little-endian integers of 32 or 64 bits; -1 for those that no category can have. */
async function indicesOf(bytes: Buffer, datatype: Datatype): Promise<Float32Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = datatypeBytes[datatype];
  const indices = new Float32Array(bytes.byteLength / size);
  const convert = (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      const high = size === 8 ? view.getUint32(8 * index + 4, true) : 0;
      const low = view.getUint32(size * index, true);
      indices[index] = high === 0 && low < exactIntegerEnd ? low : -1;
    }
    return undefined;
  };
  const waiting = inSlices(indices.length, turnElements, convert);
  if (waiting) await waiting;
  return indices;
}

/** float32 holds every integer below it. CATEGORIES_MAX is at most a quarter of it. */
const exactIntegerEnd = 2 ** 24;

/** One temperature, or one for each row. */
export async function temperatureIn(tensor: InputTensor, issues: IssueList): Promise<Temperature | undefined> {
  const data = await floatsIn(tensor, issues);
  if (data === undefined) return undefined;
  const shape = isOne(tensor) ? [] : tensor.shape;
  // As a flat list: messages about a tensor number its rows row-major.
  const temperature = toTemperature(data, isOne(tensor) ? [] : [data.length], issues.at(tensor.path));
  return temperature && { perRow: temperature.perRow, shape, values: temperature.values };
}

/** Whether a tensor holds one entry for all rows. */
function isOne({ shape }: InputTensor): boolean {
  return shape.length === 1 && shape[0] === 1;
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** One seed, or one for each row. */
export async function seedIn(
  tensor: InputTensor,
  memory: Memory,
  issues: IssueList,
  ifAbsent: AbsentSeed,
): Promise<Seed | undefined> {
  const { bytes, data, path, shape } = tensor;
  if (bytes !== undefined) return seedOfBytes(tensor, bytes, issues);
  // Seeds are read from the JSON text, because float32 numbers lose digits.
  const count = elementsOf(shape);
  const text = data instanceof NumberMatrix ? data.text : undefined;
  const list = text && (await readSeeds(text, (data as NumberMatrix).shape.length, count, memory));
  if (list) {
    const perRow = count !== 1;
    const seed = readSeed(list, perRow ? issues.at(path) : withoutRow(issues.at(path)), ifAbsent);
    return seed && { given: decimalOf(seed.words, 0), perRow, shape, words: seed.words };
  }
  issues.report(
    'validation',
    [...path, 'data'],
    'must be an array of integers; send a seed above 2^53 - 1 as binary data or as the parameter seed, a string',
  );
  return undefined;
}

/** Drops the row from the path of an issue, for a seed without rows. */
function withoutRow(sink: IssueSink): IssueSink {
  return { addIssue: (issue) => sink.addIssue({ ...issue, path: [] }) };
}

/** Seeds as little-endian 64-bit integers. */
function seedOfBytes({ datatype, path, shape }: InputTensor, bytes: Buffer, issues: IssueList): Seed | undefined {
  // A copy, since the bytes may be unaligned. The low word of each integer comes first.
  const words = new Uint32Array(new Uint8Array(bytes).buffer);
  const isSigned = datatype === 'INT64';
  const negative = isSigned ? words.findIndex((word, index) => index % 2 === 1 && word >= 2 ** 31) : -1;
  if (negative >= 0) issues.report('invalid-seed', path, `at row ${(negative - 1) / 2}: must not be negative`);
  return negative < 0 ? { given: decimalOf(words, 0), perRow: words.length !== 2, shape, words } : undefined;
}

/** int32 [B]: one index for each row, as in POST /sample. */
export async function givenIn(tensor: InputTensor, logits: Logits, issues: IssueList): Promise<Int32Array | undefined> {
  const { path, shape } = tensor;
  if (!isPerRow(shape, logits)) {
    issues.report('validation', [...path, 'shape'], perRowText(logits));
    return undefined;
  }
  const indices = await integersIn(tensor, issues);
  return indices && readGiven(indices, logits, [], issues.at(path));
}

/** One flag, or one for each row. */
export function flagsIn(tensor: InputTensor, issues: IssueList): FlagList | undefined {
  const { bytes, data, path, shape } = tensor;
  if (bytes !== undefined) {
    const wrong = bytes.findIndex((value) => value > 1);
    if (wrong < 0) return new FlagList(bytes, { shape, raggedPath: undefined });
    issues.report('validation', path, `at row ${wrong}: must be 0 or 1, one byte each`);
    return undefined;
  }
  const count = elementsOf(shape);
  if (data instanceof FlagList && (isShaped(data, [count]) || isShaped(data, shape))) {
    return new FlagList(data.flags, { shape, raggedPath: undefined });
  }
  issues.report('validation', [...path, 'data'], `must be ${count} of true or false`);
  return undefined;
}

/**
 * Whether elements [from, to) are all between `least` and the largest float32. Calls `refuse` with the index of each
 * that is not, NaN included, up to ten times.
 */
function areBelowInfinity(
  data: Float32Array,
  from: number,
  to: number,
  least: number,
  refuse: (index: number) => void,
): boolean {
  let refused = 0;
  for (let index = from; index < to && !isEnough(refused); index++) {
    const value = data[index];
    if (value < Infinity && value >= least) continue;
    refused += 1;
    refuse(index);
  }
  return refused === 0;
}

/** The row and column of an element, as the start of an error message. */
export function placeOf(index: number, columns: number): string {
  return `at row ${Math.floor(index / columns)}, column ${index % columns}:`;
}
