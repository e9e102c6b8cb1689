// The log-probability of a category, phi_i = log softmax(l)_i, in float64 from float32 logits. Two numbers of a row,
// its normaliser, are enough for all its categories. They depend on the row alone: the sum is taken in one fixed order,
// even and odd categories apart.

import { exp, log1pWideOf } from './exp-log';
import { pair } from './log-density';
import { lost, total } from './sum';

/** Bytes of a normaliser: max l and log1p(rest), float64. */
export const NORMALIZER_BYTES: usize = 16;

/**
 * The sum of exp(l_k - max l) over all categories but one that is the largest. What ties with it is counted rather than
 * added. `most` is the largest logit, finite. Relative error: u (D + 4), with D the largest max l - l_k below 708.
 */
export function restOf(logits: usize, categories: u32, most: f32): f64 {
  const top = f64x2.splat(<f64>most);
  let sums = f64x2.splat(0);
  let losts = f64x2.splat(0);
  let peaks = i64x2.splat(0);
  for (let left = <i32>categories; left > 0; left -= 2, logits += 8) {
    const d = f64x2.sub(f64x2.promote_low_f32x4(pair(logits, left)), top);
    const below = f64x2.ne(d, f64x2.splat(0));
    const term = v128.and(exp(d), below);
    const sum = f64x2.add(sums, term);
    losts = f64x2.add(losts, lost(sums, term, sum));
    sums = sum;
    peaks = i64x2.add(peaks, i64x2.add(below, i64x2.splat(1)));
  }
  return total(sums, losts) + <f64>(i64x2.extract_lane(peaks, 0) + i64x2.extract_lane(peaks, 1) - 1);
}

/** Writes the normaliser of a row to `to`. */
export function normalize(to: usize, logits: usize, categories: u32, most: f32): void {
  store<f64>(to, <f64>most);
  store<f64>(to, log1pWideOf(restOf(logits, categories, most)), 8);
}

/**
 * phi of a logit: (l - max l) - log1p(rest). Both terms are at most 0, so nothing cancels, and phi = -1e-20 beside a
 * dominating logit has all its digits. -Infinity of a masked category.
 *
 * Accuracy, against the exact log-softmax, with u = 2^-53 and D as in `restOf`: |error| <= u |phi| (D + 8), and at most
 * u (2 |phi| + 8) where phi <= -1. Limit: exp is 0 below -708, so a phi above -K 2^-1021 may be 0.
 */
@inline
export function logProbability(logit: f32, normalizer: usize): f64 {
  return <f64>logit - load<f64>(normalizer) - load<f64>(normalizer, 8);
}
