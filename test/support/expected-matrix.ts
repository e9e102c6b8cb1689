/** What the parser should make of arrays, told by plain loops over JSON.parse's values. */
import { NumberMatrix } from '../../src/json/number-matrix.js';

/** What parseBody should make of an array, or undefined if it is no number matrix. */
export function expectedMatrix(value: unknown): NumberMatrix | undefined {
  if (!Array.isArray(value)) return undefined;
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const numbers: (number | null)[] = [];
  let even = true;
  let raggedPath: number[] | undefined;
  const walk = (items: unknown[], path: number[]) => {
    for (const [index, item] of items.entries()) {
      const isLeaf = path.length === shape.length - 1;
      if (isLeaf && (typeof item === 'number' || item === null)) numbers.push(item);
      else if (!isLeaf && Array.isArray(item)) walk(item, [...path, index]);
      else even = false;
    }
    // Inner arrays end before outer ones.
    if (items.length !== shape[path.length]) raggedPath ??= path;
  };
  walk(value, []);
  if (!even) return undefined;
  const data = Float32Array.from(numbers, (item) => item ?? Number.NaN);
  return new NumberMatrix({
    shape,
    data: raggedPath ? new Float32Array(0) : data,
    nullCount: numbers.filter((item) => item === null).length,
    infiniteCount: data.filter((item) => Math.abs(item) === Number.POSITIVE_INFINITY).length,
    raggedPath,
  });
}

/** JSON.stringify with the matrices' bits spelled out: it tells -0 from 0 and keeps the order of keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (item instanceof NumberMatrix)
      return { ...item, text: undefined, data: [...new Int32Array(item.data.slice().buffer)].join() };
    return Object.is(item, -0) ? '-0' : item;
  });
}

/**
 * Whether a text opens more than `most` arrays inside one another, or arrays and objects, as far as its brackets tell.
 */
export function opensDeeper(text: string, most: number, brackets = '[]'): boolean {
  let depth = 0;
  let string = false;
  for (let at = 0; at < text.length; at++) {
    const place = brackets.indexOf(text[at]);
    if (string && text[at] === '\\') at++;
    else if (text[at] === '"') string = !string;
    else if (!string && place >= 0) depth += place % 2 === 0 ? 1 : -1;
    if (depth > most) return true;
  }
  return false;
}
