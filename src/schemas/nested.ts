/** JSON schemas of nested arrays of numbers, for fields that are read and printed outside zod. */

const elements = {
  number: { type: 'number' },
  integer: { type: 'integer' },
  numberOrNull: { type: ['number', 'null'] },
} as const;

/** An array nested `from` to `to` deep; depth 0 is a bare element. */
export function nested(element: keyof typeof elements, from: number, to: number): { anyOf: object[] } {
  const ofDepth = (depth: number): object =>
    depth === 0 ? { ...elements[element] } : { type: 'array', items: ofDepth(depth - 1) };
  return { anyOf: Array.from({ length: to - from + 1 }, (_, step) => ofDepth(from + step)) };
}
