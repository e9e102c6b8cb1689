/** Arrays shaped like samples that a request brings: cotangents, samples, log-samples. */
import { NumberMatrix } from '../json/number-matrix.js';
import { type IssueSink, isEnough, report } from './issue.js';

/**
 * The numbers of an array of the given shape, row-major, with null as NaN; undefined once what is wrong has been reported at
 * `path`. Rank 1 and 2 come as NumberMatrix from the body parser, rank 3 as plain arrays.
 */
export function readPoints(
  value: unknown,
  shape: readonly number[],
  path: readonly string[],
  sink: IssueSink,
): Float32Array | undefined {
  const wanted = `must have the shape of the samples, [${shape.join(', ')}], with a number at every place`;
  const data = value instanceof NumberMatrix ? matrixOf(value, shape) : flattened(value, shape);
  if (data === undefined) {
    report(sink, 'validation', path, value === undefined ? 'is required' : wanted);
    return undefined;
  }
  let infinite = 0;
  for (let at = 0; at < data.length && !isEnough(infinite); at++) {
    if (Math.abs(data[at] as number) !== Number.POSITIVE_INFINITY) continue;
    infinite += 1;
    report(sink, 'validation', [...path, ...indexPath(at, shape)], 'is infinite in float32');
  }
  return infinite > 0 ? undefined : data;
}

function matrixOf(matrix: NumberMatrix, shape: readonly number[]): Float32Array | undefined {
  const { rank, rows, columns, data, raggedRow } = matrix;
  if (raggedRow >= 0 || rank !== shape.length || columns !== shape.at(-1)) return undefined;
  return rank === 2 && rows !== shape[0] ? undefined : data;
}

/** Lengths are compared before anything is allocated: a shape is the request's word, an array is its deed. */
function flattened(value: unknown, shape: readonly number[]): Float32Array | undefined {
  if (shape.length < 3 || !hasShape(value, shape, 0)) return undefined;
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  let at = 0;
  for (const sample of value as unknown[][][]) {
    for (const row of sample) {
      for (const item of row) {
        if (item !== null && typeof item !== 'number') return undefined;
        data[at++] = item ?? Number.NaN;
      }
    }
  }
  return data;
}

function hasShape(value: unknown, shape: readonly number[], depth: number): boolean {
  if (!Array.isArray(value) || value.length !== shape[depth]) return false;
  return depth === shape.length - 1 || value.every((each) => hasShape(each, shape, depth + 1));
}

/** The indices of the element at a row-major place. */
export function indexPath(at: number, shape: readonly number[]): number[] {
  const path: number[] = [];
  let rest = at;
  for (const size of shape.toReversed()) {
    path.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return path;
}

/** Reports the places, up to ten, where `isWrong` holds; returns whether there were any. */
export function reportPlaces(count: number, isWrong: (at: number) => boolean, reportAt: (at: number) => void): boolean {
  let wrong = 0;
  for (let at = 0; at < count && !isEnough(wrong); at++) {
    if (!isWrong(at)) continue;
    wrong += 1;
    reportAt(at);
  }
  return wrong > 0;
}
