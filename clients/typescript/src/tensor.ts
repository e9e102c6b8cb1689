/** Arrays of numbers of any rank: flat and row-major, with a shape. */

export type NumberArray = Float32Array | Float64Array | Int32Array;

/** A flat array with its shape: what Tensor is, and what other libraries have in its place. */
export interface TensorLike {
  readonly data: NumberArray;
  readonly shape: readonly number[];
}

/** Nested arrays of one length at each depth. */
export type Nested = readonly (number | null | Nested)[];

/** Nested arrays, a tensor, or a flat typed array, whose shape is an option of the call, or one row. */
export type ArrayInput = Nested | Float32Array | Float64Array | Int32Array | TensorLike;

export class Tensor<Data extends NumberArray = Float32Array> implements TensorLike {
  /** Row-major. */
  readonly data: Data;
  readonly shape: readonly number[];

  constructor(data: Data, shape: readonly number[]) {
    if (sizeOf(shape) !== data.length) {
      throw new RangeError(`The shape [${shape.join(', ')}] does not hold ${data.length} numbers.`);
    }
    this.data = data;
    this.shape = shape;
  }

  /** The numbers as nested arrays; a number where the shape is []. */
  toNested<Result = Nested>(): Result {
    const nest = (axis: number, from: number, size: number): unknown => {
      if (axis === this.shape.length) return this.data[from];
      const length = this.shape[axis] as number;
      const step = length === 0 ? 0 : size / length;
      return Array.from({ length }, (_, at) => nest(axis + 1, from + at * step, step));
    };
    return nest(0, 0, this.data.length) as Result;
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

/** What `null` stands for: -infinity, which masks a category, or nothing. */
export type Nulls = 'masks' | 'refused';

/**
 * float32 numbers with their shape, each rounded once.
 *
 * @param what names the array in errors
 * @throws {TypeError | RangeError} for ragged arrays, finite numbers beyond float32, and values that are no numbers
 */
export function toFloats(what: string, input: ArrayInput, shape: readonly number[] | undefined, nulls: Nulls): Tensor {
  const { data, shape: own } = flatOf(what, input, shape, nulls);
  if (data instanceof Float32Array) return new Tensor(data, own);
  const floats = Float32Array.from(data);
  // Rounding makes infinity of a finite number beyond float32, and -infinity would be a mask.
  const beyond = floats.findIndex((float, at) => !Number.isFinite(float) && Number.isFinite(data[at]));
  if (beyond >= 0) throw new RangeError(`${what}${placeIn(own, beyond)} is ${data[beyond]}, too large for float32.`);
  return new Tensor(floats, own);
}

/** Whole numbers with their shape. */
export function toIntegers(what: string, input: ArrayInput | number): Tensor<Int32Array> {
  const { data, shape } = typeof input === 'number' ? { data: [input], shape: [] } : flatOf(what, input);
  const integers = Int32Array.from(data);
  const wrong = integers.findIndex((integer, at) => integer !== data[at]);
  if (wrong >= 0) throw new RangeError(`${what}${placeIn(shape, wrong)} is ${data[wrong]}, not an integer.`);
  return new Tensor(integers, shape);
}

interface Flat {
  readonly data: NumberArray;
  readonly shape: readonly number[];
}

function flatOf(what: string, input: ArrayInput, shape?: readonly number[], nulls: Nulls = 'refused'): Flat {
  if (isNumbers(input)) return { data: input, shape: checked(what, shape ?? [input.length], input.length) };
  if (Array.isArray(input)) return flatten(what, input as Nested, nulls);
  const { data, shape: own } = input as Partial<TensorLike>;
  if (!isNumbers(data) || !Array.isArray(own)) {
    throw new TypeError(`${what} must be nested arrays of numbers, a typed array, or an object with data and shape.`);
  }
  return { data, shape: checked(what, own, data.length) };
}

function isNumbers(value: unknown): value is NumberArray {
  return value instanceof Float32Array || value instanceof Float64Array || value instanceof Int32Array;
}

function checked(what: string, shape: readonly number[], length: number): readonly number[] {
  if (sizeOf(shape) === length) return shape;
  throw new RangeError(`${what} has ${length} numbers, and the shape [${shape.join(', ')}] holds ${sizeOf(shape)}.`);
}

function flatten(what: string, input: Nested, nulls: Nulls): Flat {
  const shape: number[] = [];
  for (let level: unknown = input; Array.isArray(level); level = level[0]) shape.push(level.length);
  const data = new Float64Array(sizeOf(shape));
  let end = 0;
  const fill = (level: unknown, axis: number, path: readonly number[]): void => {
    if (axis < shape.length) {
      if (!Array.isArray(level) || level.length !== shape[axis]) {
        const there = Array.isArray(level) ? `has length ${level.length}` : 'is no array';
        throw new RangeError(`${what}${indexed(path)} ${there}, its neighbours length ${shape[axis]}.`);
      }
      for (const [at, inner] of level.entries()) fill(inner, axis + 1, axis + 1 < shape.length ? [...path, at] : path);
      return;
    }
    const value = level === null && nulls === 'masks' ? Number.NEGATIVE_INFINITY : level;
    if (typeof value !== 'number') {
      const is = Array.isArray(level) ? 'an array' : String(level);
      throw new TypeError(`${what}${placeIn(shape, end)} is ${is}, not a number.`);
    }
    data[end++] = value;
  };
  fill(input, 0, []);
  return { data, shape };
}

/** The element at a row-major index, as the end of a name: [1][0]. */
function placeIn(shape: readonly number[], index: number): string {
  const path: number[] = [];
  let rest = index;
  for (const extent of [...shape].reverse()) {
    path.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return indexed(path);
}

function indexed(path: readonly number[]): string {
  return path.map((index) => `[${index}]`).join('');
}
