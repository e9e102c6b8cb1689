/** JSON schemas of nested arrays of numbers, for fields that are read and printed without zod. */
import { type Component, component } from './component.js';

export const float32 = { type: 'number', format: 'float' } as const;
const float64 = { type: 'number', format: 'double' } as const;
const int64 = { type: 'integer', format: 'int64' } as const;

/**
 * `type: [number, "null"]` would mean the same, but many generators reject lists of types:
 * https://github.com/OpenAPITools/openapi-generator/issues/9083. To be replaced once the generators of docs/testing.md
 * accept them.
 */
function orNull<Schema extends object>(schema: Schema) {
  return { oneOf: [schema, { type: 'null' }] };
}

const elements = {
  Float32: float32,
  Float64: float64,
  Int64: int64,
  /** null at a masked category. */
  MaskedFloat32: orNull(float32),
  /** null for -infinity. */
  LogDensity: orNull(float64),
} as const;

export type Element = keyof typeof elements;

/** Names of arrays by their depth. */
const shapes = ['', 'Vector', 'Matrix', 'Stack'] as const;

/** The schema of one element. It has a name only if it may be null. */
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
