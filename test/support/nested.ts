/** Nested arrays in tests, by plain recursion. */

/** The items, row-major, as nested arrays of a shape; the only item if it is []. */
export function nest(items: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...inner] = shape;
  if (size === undefined) return items[0];
  const part = items.length / size;
  return Array.from({ length: size }, (_, index) => nest(items.slice(index * part, (index + 1) * part), inner));
}

/** The items of nested arrays, row-major. */
export function flat(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

/** The sizes of nested arrays, told by the first array of each depth. */
export function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}
