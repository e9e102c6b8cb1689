/**
 * The points whose log-probability is asked for: soft samples or their logarithms, indices, or indices that are drawn
 * in order without replacement. For POST /log-prob and the model gumbel_softmax_log_prob.
 */
import type { NumberMatrix } from '../json/number-matrix.js';
import { checkIndices, checkTopIndices } from './check-indices.js';
import { checkSimplex } from './check-simplex.js';
import type { IssueSink } from './issue.js';
import { type Logits, logitsShape } from './logits.js';
import type { PointPaths } from './points.js';

export const pointKinds = ['samples', 'log_samples', 'indices', 'top_indices'] as const;
export type PointKind = (typeof pointKinds)[number];

/** Whether points are categories. Their probability does not depend on the temperature. */
export function areIndices(kind: PointKind): kind is 'indices' | 'top_indices' {
  return kind === 'indices' || kind === 'top_indices';
}

export interface Points {
  readonly kind: PointKind;
  /** [S] if there is an axis of samples, the leading axes of the logits, and [K], [] for indices, or [k]. */
  readonly shape: readonly number[];
  readonly numbers: Pick<NumberMatrix, 'data' | 'nullCount' | 'infiniteCount'>;
}

/** The leading axes of points: one log-probability for each of their elements. */
export function pointAxes({ kind, shape }: Pick<Points, 'kind' | 'shape'>): readonly number[] {
  return kind === 'indices' ? shape : shape.slice(0, -1);
}

/** The number of log-probabilities. */
export function pointDraws(points: Pick<Points, 'kind' | 'shape'>): number {
  return pointAxes(points).reduce((product, size) => product * size, 1);
}

/**
 * What is wrong with the shape of points; undefined if nothing is. It is that of the logits, for indices without the
 * categories, for top_indices with k in their place; an axis of samples may stand in front.
 */
export function shapeFault(kind: PointKind, own: readonly number[] | undefined, logits: Logits): string | undefined {
  const { leadingShape } = logits;
  const k = own?.at(-1) ?? 0;
  const shapes = {
    samples: logitsShape(logits),
    log_samples: logitsShape(logits),
    indices: leadingShape,
    top_indices: [...leadingShape, k],
  };
  if (own && isOfSamples(own, shapes[kind]) && (kind !== 'top_indices' || k > 0)) return undefined;
  const shape = kind === 'top_indices' ? [...leadingShape, 'k'] : shapes[kind];
  const samples = ['S', ...shape].join(', ');
  const what = areIndices(kind) ? 'an integer' : 'a number';
  return shape.length === 0
    ? 'must be one integer, or an array of one for each sample, [S]'
    : `must have the shape [${shape.join(', ')}], or [${samples}] for several samples, with ${what} for every element`;
}

/** Whether a shape is `shape`, or that with an axis of samples in front. */
function isOfSamples(own: readonly number[], shape: readonly number[]): boolean {
  const front = own.length - shape.length;
  if (front < 0 || front > 1 || own.includes(0)) return false;
  return shape.every((size, axis) => own[axis + front] === size);
}

/**
 * Checks the numbers of points, in several turns of the event loop if there are many. Their shape has been checked.
 * Null at a masked category of log_samples becomes -Infinity.
 *
 * @returns whether it has reported an error, or a promise of it
 */
export function checkPoints(
  logits: Logits,
  points: Points,
  paths: PointPaths,
  sink: IssueSink,
): boolean | Promise<boolean> {
  const { kind, shape, numbers } = points;
  if (kind === 'indices') return checkIndices(logits, numbers.data, paths.element, sink);
  if (kind === 'top_indices') return checkTopIndices(logits, numbers.data, shape.at(-1) as number, paths, sink);
  return checkSimplex(logits, kind === 'log_samples', numbers, paths, sink);
}
