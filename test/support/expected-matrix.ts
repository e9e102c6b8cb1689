/** What the parser should make of arrays, told by plain loops over JSON.parse's values. */
import { NumberMatrix } from '../../src/json/number-matrix.js';

/** What parseBody should make of an array, or undefined if it is no number matrix. */
export function expectedMatrix(value: unknown): NumberMatrix | undefined {
  if (!Array.isArray(value)) return undefined;
  if (Array.isArray(value[0]) && Array.isArray(value[0][0])) return expectedStack(value);
  return expectedFlat(value);
}

/** Three deep: every element an array that is a matrix by itself. */
function expectedStack(value: unknown[]): NumberMatrix | undefined {
  const samples = value.map(expectedFlat);
  const [first] = samples;
  if (first === undefined || samples.includes(undefined)) return undefined;
  const all = samples as NumberMatrix[];
  const raggedRow = all.findIndex(
    ({ rank, rows, columns, raggedRow }) =>
      rank !== 2 || raggedRow >= 0 || rows !== first.rows || columns !== first.columns,
  );
  return new NumberMatrix({
    rank: 3,
    samples: all.length,
    rows: first.rows,
    columns: first.columns,
    data: raggedRow < 0 ? Float32Array.from(all.flatMap(({ data }) => [...data])) : new Float32Array(0),
    nullCount: all.reduce((sum, { nullCount }) => sum + nullCount, 0),
    infiniteCount: all.reduce((sum, { infiniteCount }) => sum + infiniteCount, 0),
    raggedRow,
  });
}

function expectedFlat(value: unknown): NumberMatrix | undefined {
  if (!Array.isArray(value)) return undefined;
  const isNumbers = (row: unknown): row is (number | null)[] =>
    Array.isArray(row) && row.every((item) => typeof item === 'number' || item === null);
  const nested = value.length > 0 && value.every(isNumbers);
  if (!nested && !isNumbers(value)) return undefined;
  const rows: (number | null)[][] = nested ? value : [value as (number | null)[]];
  const numbers = rows.flat();
  const data = Float32Array.from(numbers, (item) => item ?? Number.NaN);
  return new NumberMatrix({
    rank: nested ? 2 : 1,
    rows: rows.length,
    columns: rows[0].length,
    data,
    nullCount: numbers.filter((item) => item === null).length,
    infiniteCount: data.filter((item) => Math.abs(item) === Number.POSITIVE_INFINITY).length,
    raggedRow: rows.findIndex((row) => row.length !== rows[0].length),
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
