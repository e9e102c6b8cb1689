// Gumbel-Rao (Paulus, Maddison and Krause 2020, "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient
// Estimator"): the mean of the straight-through gradient over inner draws that are conditioned on the index of the hard
// draw. The index alone reaches the loss, so the mean over the rest leaves the expectation as it is and takes variance
// away. With y_m the soft sample of inner draw m, and M of them:
//
//     grad_logits = sum_m y_m (v - <v, y_m>) / (M tau)
//
// float64 throughout; terms are added in the order of m. No product or sum of float32 numbers leaves float64.

import { conditionedExponentials } from './condition';

/**
 * Adds y (v - <v, y>) of one inner draw to the float64 at `to`. `wide` and logSum are those of `shifted`, v is float32
 * [K], and `scratch` has room for an even number of float64. A category whose exponential is 0 gets nothing, whatever
 * its v.
 */
export function addInner(
  to: usize, noise: usize, wide: usize, v: usize, scratch: usize, categories: u32, index: u32, logSum: f64, temperature: f64,
): void {
  const sum = conditionedExponentials(scratch, noise, wide, categories, index, logSum, temperature);
  const factors = f64x2.splat(1 / sum);
  let means = f64x2.splat(0);
  let at = v;
  let from = scratch;
  for (let left = <i32>categories; left > 0; left -= 2, at += 8, from += 16) {
    const y = f64x2.mul(v128.load(from), factors);
    v128.store(from, y);
    means = f64x2.add(means, f64x2.mul(y, cotangents(at, left)));
  }
  const mean = f64x2.splat(f64x2.extract_lane(means, 0) + f64x2.extract_lane(means, 1));
  from = scratch;
  for (let left = <i32>categories; left > 0; left -= 2, v += 8, from += 16, to += 16) {
    const term = f64x2.mul(v128.load(from), f64x2.sub(cotangents(v, left), mean));
    if (left == 1) store<f64>(to, load<f64>(to) + f64x2.extract_lane(term, 0));
    else v128.store(to, f64x2.add(v128.load(to), term));
  }
}

/** Two cotangents in float64; where only one is left, the second is 0. */
@inline
function cotangents(v: usize, left: i32): v128 {
  const both = v128.load64_zero(v);
  return f64x2.promote_low_f32x4(left == 1 ? f32x4.replace_lane(both, 1, 0) : both);
}
