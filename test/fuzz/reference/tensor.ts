/** Nested arrays of JSON as a shape and values, read without the code that the fuzzer checks. */

export class Tensor {
  readonly shape: readonly number[];
  readonly values: readonly unknown[];

  constructor(shape: readonly number[], values: readonly unknown[]) {
    this.shape = shape;
    this.values = values;
  }

  get rank(): number {
    return this.shape.length;
  }
}

/** An array whose arrays have different sizes, or that nests some elements deeper than others. */
export const ragged = Symbol('ragged');

/** Arrays as tensors; any other value as it is. */
export function tensorIn(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const parts = value.map(tensorIn);
  const [first] = parts;
  if (!(first instanceof Tensor)) {
    const isFlat = parts.every((part) => !(part instanceof Tensor) && part !== ragged);
    return isFlat ? new Tensor([value.length], parts) : ragged;
  }
  const isEven = (part: unknown) => part instanceof Tensor && sameShape(part.shape, first.shape);
  if (!parts.every(isEven)) return ragged;
  return new Tensor(
    [value.length, ...first.shape],
    (parts as Tensor[]).flatMap(({ values }) => values),
  );
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
