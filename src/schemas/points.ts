/** Arrays shaped like samples that a request brings: cotangents, samples, log-samples. */
import { NumberMatrix } from '../json/number-matrix.js';
import { type IssueSink, isEnough, report } from './issue.js';

/**
 * The numbers of an array of the given shape, row-major, with null as NaN; undefined once what is wrong has been reported at
 * `path`.
 */
export function readPoints(
  value: unknown,
  shape: readonly number[],
  path: readonly string[],
  sink: IssueSink,
): Float32Array | undefined {
  const wanted = `must have the shape of the samples, [${shape.join(', ')}], with a number at every place`;
  const data = value instanceof NumberMatrix ? matrixOf(value, shape) : undefined;
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

function matrixOf({ rank, samples, rows, columns, data, raggedRow }: NumberMatrix, shape: readonly number[]) {
  const own = [samples, rows, columns].slice(3 - rank);
  const same = raggedRow < 0 && own.length === shape.length && own.every((size, axis) => size === shape[axis]);
  return same ? data : undefined;
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
