/** Arrays shaped like samples that a request brings: cotangents, samples, log-samples. */
import { NumberMatrix } from '../json/number-matrix.js';
import { inSlices } from '../runtime/event-loop-turns.js';
import { type IssueSink, isEnough, report } from './issue.js';

/**
 * The array, if it has the given shape; undefined once it has been reported at `path` that it has not. null is NaN in
 * it.
 */
export function readPoints(
  value: unknown,
  shape: readonly number[],
  path: readonly string[],
  sink: IssueSink,
): NumberMatrix | undefined {
  if (value instanceof NumberMatrix && isShaped(value, shape)) return value;
  const wanted = `must have the shape of the samples, [${shape.join(', ')}], with a number at every place`;
  report(sink, 'validation', path, value === undefined ? 'is required' : wanted);
  return undefined;
}

/** Elements looked at in one turn of the event loop, at up to ten nanoseconds each. */
const turnElements = 2 ** 17;

/**
 * Reports the places, up to as many as a reply names, where `isWrong` holds, in turns of the event loop where there are
 * many. Resolves, or returns, whether there were any.
 */
export function reportPlaces(
  count: number,
  isWrong: (at: number) => boolean,
  reportAt: (at: number) => void,
  turnPlaces = turnElements,
): boolean | Promise<boolean> {
  let wrong = 0;
  const waiting = inSlices(count, turnPlaces, (from, to) => {
    for (let at = from; at < to && !isEnough(wrong); at++) {
      if (!isWrong(at)) continue;
      wrong += 1;
      reportAt(at);
    }
    return isEnough(wrong);
  });
  return waiting ? waiting.then(() => wrong > 0) : wrong > 0;
}

/**
 * Reports numbers that are infinite in float32, as `reportPlaces` does; most arrays have none, and are not looked
 * through.
 */
export function reportInfinite(
  { data, infiniteCount }: NumberMatrix,
  pathOf: (at: number) => (string | number)[],
  sink: IssueSink,
): boolean | Promise<boolean> {
  if (infiniteCount === 0) return false;
  return reportPlaces(
    data.length,
    (at) => Math.abs(data[at] as number) === Number.POSITIVE_INFINITY,
    (at) => report(sink, 'validation', pathOf(at), 'is infinite in float32'),
  );
}

function isShaped({ rank, samples, rows, columns, raggedRow }: NumberMatrix, shape: readonly number[]): boolean {
  const own = [samples, rows, columns].slice(3 - rank);
  return raggedRow < 0 && own.length === shape.length && own.every((size, axis) => size === shape[axis]);
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
