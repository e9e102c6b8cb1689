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

/**
 * Arrays that are `depth` deep, of anything. Each depth has a name: of an array in an array without names Java's
 * generator keeps only the outer one, and then takes every array of arrays for it.
 */
function ofAnything(depth: number): object {
  const items = depth === 1 ? {} : ofAnything(depth - 1);
  return { ...component(`Any${shapes[depth]}`), type: 'array', items };
}

/**
 * Arrays of more than three axes. The schema says no more about their elements. Names for every depth up to nine would
 * be thirty more schemas that differ in a bracket, and of a schema that contains itself generators make a type of its
 * own, to which no nested list of numbers can be assigned.
 */
export const deepArray = {
  ...component('DeepArray'),
  description: 'Numbers in four to nine axes.',
  type: 'array',
  items: ofAnything(3),
};

/** A depth above all that have names. */
export const anyDepth = shapes.length;

/** An array nested `from` to `to` deep; depth 0 is a bare element, and `anyDepth` is any depth above 2. */
export function nested(element: Element, from: number, to: number): { oneOf: object[] } {
  const depths = Array.from({ length: to - from + 1 }, (_, step) => from + step);
  return { oneOf: depths.map((depth) => (depth === anyDepth ? deepArray : ofDepth(element, depth))) };
}

/** A list with one entry per row of logits, in the leading shape of logits with two or more axes. */
export const nestedRows = {
  ...component('NestedRows'),
  description: 'One entry per row of logits, in their leading shape of two to seven axes.',
  type: 'array',
  items: ofAnything(1),
};
