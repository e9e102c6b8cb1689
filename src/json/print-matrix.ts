/**
 * Prints typed arrays as nested JSON arrays, row-major, rank 0 (one number) to rank 9. Floats become the shortest
 * decimal that parses to the same float32. NaN and the infinities become null. -0 stays -0, which JSON allows.
 *
 * The functions that return a string are for small arrays. The generators yield after each slice of at most 64 KiB of
 * text (`npm run bench:codec` prints the nanoseconds per number). The codec may serve other calls between two slices.
 */
import { axesMost, codec, Field, fields, floatValues, integerValues, text, valuesMax } from './codec-instance.js';

export type Shape = readonly number[];
type Integers = Int32Array | Uint32Array;

const closings = Array.from({ length: axesMost + 1 }, (_, rank) => ']'.repeat(rank));

/** A shape whose count has been checked. */
interface Nesting {
  readonly shape: Shape;
  readonly rank: number;
  readonly columns: number;
  readonly count: number;
}

export function printFloats(data: Float32Array, shape: Shape): string {
  return printMatrix(data, shape, floatSlice);
}

export function printFloatSlices(data: Float32Array, shape: Shape): Generator<Buffer, void> {
  return printMatrixSlices(data, shape, floatSlice);
}

export function printIntegers(data: Integers, shape: Shape): string {
  return printMatrix(data, shape, integerSlice);
}

export function printIntegerSlices(data: Integers, shape: Shape): Generator<Buffer, void> {
  return printMatrixSlices(data, shape, integerSlice);
}

/** Prints elements from `start` on into the codec's text. Returns how many fitted. */
type PrintSlice<Data> = (data: Data, start: number, nesting: Nesting) => number;

function printMatrix<Data extends { readonly length: number }>(
  data: Data,
  shape: Shape,
  printSlice: PrintSlice<Data>,
): string {
  const nesting = nestingOf(data.length, shape);
  if (nesting.count === 0) return emptyArrays(shape);
  let printed = printSlice(data, 0, nesting);
  let json = text.toString('latin1', 0, fields[Field.textLength]);
  while (printed < nesting.count) {
    printed += printSlice(data, printed, nesting);
    json += text.toString('latin1', 0, fields[Field.textLength]);
  }
  return json + closings[nesting.rank];
}

function* printMatrixSlices<Data extends { readonly length: number }>(
  data: Data,
  shape: Shape,
  printSlice: PrintSlice<Data>,
): Generator<Buffer, void> {
  const nesting = nestingOf(data.length, shape);
  if (nesting.count === 0) {
    yield Buffer.from(emptyArrays(shape));
    return;
  }
  let printed = 0;
  while (printed < nesting.count) {
    printed += printSlice(data, printed, nesting);
    let length = fields[Field.textLength];
    // The codec leaves room after its text for the closing brackets.
    if (printed === nesting.count) length += text.write(closings[nesting.rank], length, 'latin1');
    yield Buffer.from(text.subarray(0, length));
  }
}

function floatSlice(data: Float32Array, start: number, nesting: Nesting): number {
  const count = Math.min(data.length - start, valuesMax);
  floatValues.set(count === data.length ? data : data.subarray(start, start + count));
  const { rank, columns } = nesting;
  const opening = openSlice(start, nesting);
  return codec.printFloatSlice(count, opening, columnAt(start, columns), rowAt(start, columns), columns, rank);
}

function integerSlice(data: Integers, start: number, nesting: Nesting): number {
  const count = Math.min(data.length - start, valuesMax);
  integerValues.set(count === data.length ? data : data.subarray(start, start + count));
  const { rank, columns } = nesting;
  const opening = openSlice(start, nesting);
  const signed = data instanceof Int32Array ? 1 : 0;
  const column = columnAt(start, columns);
  return codec.printIntegerSlice(count, opening, column, rowAt(start, columns), columns, rank, signed);
}

/** Gives the codec the sizes of the middle axes. Returns the number of arrays to open. */
function openSlice(start: number, { shape, rank }: Nesting): number {
  for (let axis = 1; axis < rank - 1; axis++) fields[Field.sizes + axis] = shape[axis];
  return start === 0 ? rank : -1;
}

/**
 * The number of elements of the current row that are printed. The break after a full row is printed with the next
 * element.
 */
function columnAt(start: number, columns: number): number {
  return start === 0 ? 0 : ((start - 1) % columns) + 1;
}

/** The row of the last printed element. Rows are counted through all arrays. */
function rowAt(start: number, columns: number): number {
  return start === 0 ? 0 : Math.floor((start - 1) / columns);
}

function nestingOf(length: number, shape: Shape): Nesting {
  const rank = shape.length;
  let count = 1;
  for (const size of shape) count *= size;
  if (count !== length) throw new Error(`There are ${length} values for a shape of ${count}. This is a bug.`);
  if (rank > axesMost) throw new Error(`The rank is ${rank}, above ${axesMost}. This is a bug.`);
  return { shape, rank, columns: rank === 0 ? 1 : shape[rank - 1], count };
}

/** Nested arrays without an element: one of the sizes is 0. */
function emptyArrays(shape: Shape): string {
  const [size, ...inner] = shape;
  if (size === 0) return '[]';
  return `[${new Array(size).fill(emptyArrays(inner)).join(',')}]`;
}
