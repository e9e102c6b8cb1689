/**
 * How far the backward graphs may be from the float64 reference, derived from their roundings. u = 2^-24 is half a unit
 * in the last place of a float32.
 */

import type { BackwardRow, referenceReinmax, referenceVjp } from './reference/gradients.js';
import { weighted } from './reference/gradients.js';

const u = 2 ** -24;

/** What a gradient loses as it becomes a float32, which may be a denormal. */
const rounding = (value: number) => u * Math.abs(value) + 2 ** -149;

/**
 * By how much a softmax value may be off, relative to it, after it was divided by the sum over the row. The forward
 * test derives 3 |x| u for the exponent x, 4 u for the exponential and 2 u for the quotient; everything else is common
 * to the row, so the division takes it away. Doubled for terms of second order.
 */
const exponentialError = (scaled: number) => 2 * (3 * Math.abs(scaled) + 6) * u;

/**
 * The same for every value y of a row, in absolute terms: its own error and the mean of all, which the division
 * spreads.
 */
function weightErrors(y: Float64Array, scaled: Float64Array): Float64Array {
  const relative = scaled.map(exponentialError);
  const mean = weighted(y, relative);
  return y.map((value, k) => (value === 0 ? 0 : value * (relative[k] + mean)));
}

/**
 * For w (v - <v, w>) with weights off by `errors`: each error multiplies v_k - <v, w>; <v, w> moves by their sum times
 * v_k - <v, w>, as errors of weights that add up to 1 add up to 0. Sums of K float64 products err by K 2^-53 of the
 * largest |v|, as does the sum of the weights, in the graph and in the reference. A value near 2^-126 may be 0 on one
 * side only, which is worth |v_k - <v, w>| of it.
 */
function productErrors(weights: Float64Array, errors: Float64Array, cotangent: ArrayLike<number>): Float64Array {
  const largest = Math.max(...Array.from(cotangent, Math.abs));
  const mean = weighted(weights, cotangent);
  const moved = errors.reduce((sum, error, k) => sum + error * Math.abs(cotangent[k] - mean), 0);
  const summed = weights.length * largest * (2 ** -51 + 2 ** -124);
  return weights.map(
    (weight, k) => errors[k] * Math.abs(cotangent[k] - mean) + weight * (moved + summed) + 2 ** -124 * largest,
  );
}

/**
 * grad_logits is the product above over tau. grad_temperature is the sum of grad_logits d / tau with each d off by u
 * |d|, one rounding of z - max z; a value that is 0 on one side only has d > -88 tau.
 */
export function vjpTolerance(
  row: BackwardRow,
  { y, scaled, d, gradLogits, gradTemperature }: ReturnType<typeof referenceVjp>,
) {
  const { cotangent, temperature: tau } = row;
  const errors = productErrors(y, weightErrors(y, scaled), cotangent).map((error) => error / tau);
  const largest = Math.max(...Array.from(cotangent, Math.abs));
  const alongD = y.map((value, k) =>
    value === 0 ? 0 : (errors[k] + 2 * u * Math.abs(gradLogits[k])) * Math.abs(d[k]),
  );
  return {
    gradLogits: errors.map((error, k) => error + rounding(gradLogits[k])),
    gradTemperature:
      alongD.reduce((sum, error) => sum + error, y.length * 88 * largest * 2 ** -124) / tau + rounding(gradTemperature),
  };
}

/** Twice the product's error for q, of which half is the softmax at tau, and half of that for p. */
export function reinmaxTolerance(
  row: BackwardRow,
  { p, t, q, scaled, gradLogits }: ReturnType<typeof referenceReinmax>,
) {
  const { cotangent, temperature: tau } = row;
  const qErrors = weightErrors(
    t,
    scaled.map((value) => value / tau),
  ).map((error) => error / 2);
  const second = productErrors(q, qErrors, cotangent);
  const first = productErrors(p, weightErrors(p, scaled), cotangent);
  return gradLogits.map((value, k) => 2 * second[k] + first[k] / 2 + rounding(value));
}
