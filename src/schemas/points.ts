/** Arrays of a request that are shaped like samples or indices: cotangents, and points of a log-probability. */
import type { EntryShape } from '../json/entry-list.js';
import { NumberMatrix } from '../json/number-matrix.js';
import { inSlices } from '../runtime/event-loop-turns.js';
import { type IssueSink, isEnough, report } from './issue.js';

/** The array if it has the given shape, with NaN for null; undefined after an error has been reported at `path`. */
export function readPoints(
  value: unknown,
  shape: readonly number[],
  path: readonly string[],
  sink: IssueSink,
): NumberMatrix | undefined {
  if (value instanceof NumberMatrix && isShaped(value, shape)) return value;
  const requirement = `must have the shape of the samples, [${shape.join(', ')}], with a number for every element`;
  report(sink, 'validation', path, value === undefined ? 'is required' : requirement);
  return undefined;
}

/** Paths of errors: of the element at a row-major index, and of all points of a draw. */
export interface PointPaths {
  readonly element: (index: number) => (string | number)[];
  readonly draw: (draw: number) => (string | number)[];
}

/** Elements checked in one turn of the event loop: about a millisecond. */
const turnElementsDefault = 2 ** 17;

/**
 * Calls `reportAt` with each index for which `isWrong` is true, up to as many as a reply lists, in several turns of the
 * event loop if there are many. Returns, or resolves to, whether there are any.
 */
export function reportElements(
  count: number,
  isWrong: (index: number) => boolean,
  reportAt: (index: number) => void,
  elementsPerTurn = turnElementsDefault,
): boolean | Promise<boolean> {
  let wrong = 0;
  const waiting = inSlices(count, elementsPerTurn, (from, to) => {
    for (let index = from; index < to && !isEnough(wrong); index++) {
      if (!isWrong(index)) continue;
      wrong += 1;
      reportAt(index);
    }
    return isEnough(wrong);
  });
  return waiting ? waiting.then(() => wrong > 0) : wrong > 0;
}

/** Reports numbers that are infinite in float32, as `reportElements` does. Skips arrays without any, which are most. */
export function reportInfinite(
  { data, infiniteCount }: Pick<NumberMatrix, 'data' | 'infiniteCount'>,
  pathOf: (index: number) => (string | number)[],
  sink: IssueSink,
): boolean | Promise<boolean> {
  if (infiniteCount === 0) return false;
  return reportElements(
    data.length,
    (index) => Math.abs(data[index] as number) === Number.POSITIVE_INFINITY,
    (index) =>
      report(sink, 'validation', pathOf(index), 'is infinite in float32: send a magnitude of at most 3.4028235e38'),
  );
}

/** Whether an array has exactly the given shape. */
export function isShaped({ shape: own, raggedPath }: EntryShape, shape: readonly number[]): boolean {
  return raggedPath === undefined && own.length === shape.length && own.every((size, axis) => size === shape[axis]);
}

/** The indices of the element at a row-major index. */
export function indexPath(index: number, shape: readonly number[]): number[] {
  const path: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    path.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return path;
}
