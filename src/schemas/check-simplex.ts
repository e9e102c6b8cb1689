/** Checks of relaxed samples: inside the simplex, or logarithms of such points. */
import type { NumberMatrix } from '../json/number-matrix.js';
import { type IssueSink, report } from './issue.js';
import type { Logits } from './logits.js';
import { type PointPaths, reportElements, reportInfinite } from './points.js';

/** The sum of a sample may differ from 1 by this much, which covers rounding to float32 or to a few digits. */
const simplexTolerance = 1e-3;

type Numbers = Pick<NumberMatrix, 'data' | 'nullCount' | 'infiniteCount'>;

/**
 * Reports points that are no samples, or with `areLogs` no logarithms of them. Stops after the first kind of mistake.
 * Null at a masked category of logarithms becomes -Infinity.
 */
export function checkSimplex(
  logits: Logits,
  areLogs: boolean,
  numbers: Numbers,
  paths: PointPaths,
  sink: IssueSink,
): boolean | Promise<boolean> {
  return runChecks([
    () => reportInfinite(numbers, paths.element, sink),
    () => (areLogs ? reportLogSamples : reportSamples)(logits, numbers, paths.element, sink),
    () => reportSums(logits, areLogs, numbers, paths.draw, sink),
  ]);
}

/** Runs checks in order until one reports an error. Returns a promise only if a check returns one. */
function runChecks(checks: readonly (() => boolean | Promise<boolean>)[]): boolean | Promise<boolean> {
  for (const [position, check] of checks.entries()) {
    const wrong = check();
    if (wrong instanceof Promise) return wrong.then((found) => found || runChecks(checks.slice(position + 1)));
    if (wrong) return true;
  }
  return false;
}

/** Reports samples that are negative, or 0 at a category that is not masked. Returns whether there are any. */
function reportSamples({ data }: Logits, { data: points }: Numbers, pathOf: PointPaths['element'], sink: IssueSink) {
  const isWrong = (index: number) => {
    const value = points[index];
    return !(value >= 0) || (value === 0 && data[index % data.length] !== -Infinity);
  };
  return reportElements(points.length, isWrong, (index) => {
    const value = points[index];
    if (Number.isNaN(value))
      report(sink, 'validation', pathOf(index), 'must be a number; send 0 for a masked category');
    else if (value < 0) report(sink, 'not-on-simplex', pathOf(index), 'is negative: send samples from 0 to 1');
    else report(sink, 'zero-sample', pathOf(index), 'is 0 at a category that is not masked: send log_samples instead');
  });
}

/**
 * Reports nulls, or -Infinity of binary data, at categories that are not masked, and sets the other nulls to -Infinity.
 * Returns whether it reported any.
 */
function reportLogSamples(
  { data }: Logits,
  { data: points, nullCount }: Numbers,
  pathOf: PointPaths['element'],
  sink: IssueSink,
) {
  if (nullCount === 0) return false;
  const isWrong = (index: number) => {
    if (points[index] > -Infinity) return false;
    if (data[index % data.length] !== -Infinity) return true;
    points[index] = -Infinity;
    return false;
  };
  return reportElements(points.length, isWrong, (index) =>
    report(sink, 'validation', pathOf(index), 'must be a number: send null only for a masked category'),
  );
}

/** Reports draws that do not sum to 1 within the tolerance. Returns whether there are any. */
function reportSums(
  { categories }: Logits,
  areLogs: boolean,
  { data }: Numbers,
  pathOf: PointPaths['draw'],
  sink: IssueSink,
) {
  let sum = 0;
  let left = categories;
  const endsWrongDraw = (index: number) => {
    const point = data[index];
    sum += areLogs ? Math.exp(point) : point;
    left -= 1;
    if (left > 0) return false;
    const wrong = !(Math.abs(sum - 1) <= simplexTolerance);
    sum = 0;
    left = categories;
    return wrong;
  };
  return reportElements(data.length, endsWrongDraw, (index) =>
    report(
      sink,
      'not-on-simplex',
      pathOf(Math.floor(index / categories)),
      `does not sum to 1 within ${simplexTolerance}`,
    ),
  );
}
