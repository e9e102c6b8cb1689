// A draw given its index: Gumbel noise conditioned on which category wins (Maddison, Tarlow and Minka 2014, "A*
// Sampling"; Oberst and Sontag 2019, "Counterfactual Off-Policy Evaluation with Gumbel-Max Structural Causal Models").
// With l' = l - max l, g the row's noise, u_j = l'_j + g_j and the index k:
//
//     z_k = log sum exp l' + g_k
//     z_j = -log(exp -z_k + exp -u_j) = min(u_j, z_k) - log1p(exp -|u_j - z_k|)    for j other than k
//
// z_k is the maximum of all perturbed logits, whose law does not depend on which of them it is. z_j is a Gumbel
// variable of location l'_j cut off above z_k. The second form never overflows, and no z_j comes out above z_k, since
// the logarithm is not negative and every step is monotone. float64 throughout, with the exponential and logarithm of
// exp-log.ts, so that the bits are the same on every machine. z_k is in [-2.82, 45.1 + ln K].

import { exp, log1p } from './exp-log';
import { exponents, pair } from './log-density';

const FLOAT32_MAX: f32 = 3.4028234663852886e38;

/**
 * Writes l' of a row to the float64 at `to`, which has room for an even number of categories, and returns its log sum
 * exp. The surplus element is -Infinity.
 */
export function shifted(to: usize, logits: usize, categories: u32, most: f32): f64 {
  return exponents(to, logits, logits, categories, most, most, 1);
}

/** log1p(exp -|u - peak|): how far z_j is below the smaller of the two. */
@inline
function below(u: v128, peak: v128): v128 {
  return log1p(exp(f64x2.neg(f64x2.abs(f64x2.sub(u, peak)))));
}

/**
 * Turns the noise of one draw into its conditioned z, rounded once to float32, in place, and writes the conditioned
 * noise z - l' to the floats at `noiseTo`. A masked category keeps its noise, and its z is -Infinity. So is a z
 * beyond float32. The noise of the index stops at the float32 limit.
 *
 * @param wide l' of the row, float64, from `shifted`
 */
export function condition(noiseTo: usize, noise: usize, wide: usize, categories: u32, index: u32, logSum: f64): void {
  const place = <usize>index * 4;
  const peak = logSum + <f64>load<f32>(noise + place);
  const ownNoise = min<f32>(<f32>(peak - load<f64>(wide + 2 * place)), FLOAT32_MAX);
  const peaks = f64x2.splat(peak);
  const ownAt = noise + place;
  const ownTo = noiseTo + place;
  for (let left = <i32>categories; left > 0; left -= 2, noise += 8, noiseTo += 8, wide += 16) {
    const l = v128.load(wide);
    const g = f64x2.promote_low_f32x4(pair(noise, left));
    const u = f64x2.add(l, g);
    const gap = below(u, peaks);
    const z = f32x4.demote_f64x2_zero(f64x2.sub(f64x2.pmin(peaks, u), gap));
    // z - l', without the rounding of u beside a large l'.
    const shift = v128.bitselect(g, f64x2.sub(peaks, l), f64x2.le(u, peaks));
    const own = f32x4.demote_f64x2_zero(f64x2.sub(shift, gap));
    if (left == 1) {
      store<f32>(noise, f32x4.extract_lane(z, 0));
      store<f32>(noiseTo, f32x4.extract_lane(own, 0));
    } else {
      v128.store64_lane(noise, z, 0);
      v128.store64_lane(noiseTo, own, 0);
    }
  }
  store<f32>(ownAt, <f32>peak);
  store<f32>(ownTo, ownNoise);
}

/**
 * Writes exp((z - z_k) / tau) of one conditioned draw to the float64 at `to`, which has room for an even number of
 * categories, and returns their sum. z is not rounded here.
 */
export function conditionedExponentials(
  to: usize, noise: usize, wide: usize, categories: u32, index: u32, logSum: f64, temperature: f64,
): f64 {
  const place = <usize>index * 4;
  const peaks = f64x2.splat(logSum + <f64>load<f32>(noise + place));
  const factors = f64x2.splat(1 / temperature);
  const none = f64x2.splat(0);
  const start = to;
  for (let left = <i32>categories; left > 0; left -= 2, noise += 8, wide += 16, to += 16) {
    const u = f64x2.add(v128.load(wide), f64x2.promote_low_f32x4(pair(noise, left)));
    const d = f64x2.sub(f64x2.pmin(none, f64x2.sub(u, peaks)), below(u, peaks));
    v128.store(to, d);
  }
  store<f64>(start + 2 * place, 0);
  // A loop of its own, so that the processor overlaps more exponentials.
  let sums = f64x2.splat(0);
  for (let at = start; at < to; at += 16) {
    const e = exp(f64x2.mul(v128.load(at), factors));
    v128.store(at, e);
    sums = f64x2.add(sums, e);
  }
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}
