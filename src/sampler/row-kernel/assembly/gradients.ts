// The gradients of one draw, in float64 throughout, from the exponentials of its row. y is the sample before it is
// rounded to float32: e / sum e, and 0 where it is not above 2^-126. Such a category contributes nothing and gets
// exactly 0, whatever its cotangent. Sums are taken in one fixed order, even and odd categories apart. No product or
// sum of float32 numbers leaves float64.

import { share, sum } from '../../noise/assembly/softmax';

/**
 * The vector-Jacobian product of the soft draw, which is the straight-through gradient of the hard one. With d = z -
 * max z:
 *
 *     grad_logits = y (v - <v, y>) / tau      grad_temperature = -sum_k v_k y_k (d_k - <d, y>) / tau^2
 *
 * The sum is -<grad_logits, d> / tau: y (v - <v, y>) and y (d - <d, y>) are one symmetric matrix applied to v and to d.
 * Writes grad_logits to the float64 at `to` and returns grad_temperature. z, e and v are float32 [K].
 */
export function vjp(to: usize, z: usize, e: usize, v: usize, categories: u32, mostZ: f32, temperature: f64): f64 {
  const factor = 1 / sum(e, categories);
  const mean = weightedMean(e, v, categories, factor);
  let even: f64 = 0;
  let odd: f64 = 0;
  for (let at: usize = 0, end = <usize>categories * 4; at < end; at += 4) {
    const y = share(<f64>load<f32>(e + at), factor);
    const gradient = (y * (<f64>load<f32>(v + at) - mean)) / temperature;
    // + 0 turns -0 into 0.
    store<f64>(to + 2 * at, gradient + 0);
    const term = y > 0 ? gradient * <f64>(load<f32>(z + at) - mostZ) : 0;
    const sum = even + term;
    even = odd;
    odd = sum;
  }
  return 0 - (even + odd) / temperature;
}

/**
 * ReinMax, an estimator for hard draws that is exact on average for quadratic functions at tau = 1 (Liu et al. 2023,
 * "Bridging Discrete and Backpropagation: Straight-Through and Beyond", Algorithm 2). With D = one_hot(index), p =
 * softmax(l) and q = (softmax(l / tau) + D) / 2:
 *
 *     grad_logits = 2 q (v - <v, q>) - p (v - <v, p>) / 2
 *
 * The authors' code (https://github.com/microsoft/ReinMax, reinmax/reinmax.py) computes this, too, then subtracts the
 * mean over the categories. It is 0 but for rounding, and would give masked categories a gradient, so it is left out
 * here.
 *
 * Writes grad_logits to the float64 at `to`. unit and scaled are the exponentials of l - max l and of that over tau,
 * float32 [K].
 */
export function reinmax(to: usize, unit: usize, scaled: usize, v: usize, categories: u32, index: u32): void {
  const unitFactor = 1 / sum(unit, categories);
  const scaledFactor = 1 / sum(scaled, categories);
  const drawn = <f64>load<f32>(v + <usize>index * 4);
  const unitMean = weightedMean(unit, v, categories, unitFactor);
  const mean = (weightedMean(scaled, v, categories, scaledFactor) + drawn) / 2;
  for (let at: usize = 0, end = <usize>categories * 4; at < end; at += 4) {
    const value = <f64>load<f32>(v + at);
    // 2 q but for the category drawn
    const second = share(<f64>load<f32>(scaled + at), scaledFactor) * (value - mean);
    const first = share(<f64>load<f32>(unit + at), unitFactor) * (value - unitMean);
    store<f64>(to + 2 * at, second - first / 2 + 0);
  }
  const place = to + <usize>index * 8;
  store<f64>(place, load<f64>(place) + (drawn - mean));
}

/** <v, y> of y = e factor. */
function weightedMean(e: usize, v: usize, categories: u32, factor: f64): f64 {
  let even: f64 = 0;
  let odd: f64 = 0;
  for (let at: usize = 0, end = <usize>categories * 4; at < end; at += 4) {
    const sum = even + share(<f64>load<f32>(e + at), factor) * <f64>load<f32>(v + at);
    even = odd;
    odd = sum;
  }
  return even + odd;
}
