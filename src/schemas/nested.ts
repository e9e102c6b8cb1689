/** JSON schemas of nested arrays of numbers, for fields that are read and printed outside zod. */
import { type Component, component } from './component.js';

export const float32 = { type: 'number', format: 'float' } as const;
const float64 = { type: 'number', format: 'double' } as const;
const int64 = { type: 'integer', format: 'int64' } as const;

/** A list of types would say the same, but many generators refuse it. */
function orNull<Schema extends object>(schema: Schema) {
  return { oneOf: [schema, { type: 'null' }] };
}

const elements = {
  Float32: float32,
  Int64: int64,
  /** null for what is masked. */
  MaskedFloat32: orNull(float32),
  /** null for -infinity. */
  LogDensity: orNull(float64),
} as const;

export type Element = keyof typeof elements;

/** What an array is called that is nested so deep. */
const shapes = ['', 'Vector', 'Matrix', 'Stack'] as const;

/** One number; a name only where it is more than a number. */
export function scalar(element: Element): object {
  return 'oneOf' in elements[element] ? { ...component(element), ...elements[element] } : elements[element];
}

function ofDepth(element: Element, depth: number): object {
  if (depth === 0) return scalar(element);
  const named: Component = component(`${element}${shapes[depth]}`);
  return { ...named, type: 'array', items: ofDepth(element, depth - 1) };
}

/** An array nested `from` to `to` deep, at most 3; depth 0 is a bare element. */
export function nested(element: Element, from: number, to: number): { oneOf: object[] } {
  return { oneOf: Array.from({ length: to - from + 1 }, (_, step) => ofDepth(element, from + step)) };
}
