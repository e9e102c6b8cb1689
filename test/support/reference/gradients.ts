/**
 * The backward pass of one row in float64, written from the formulas of the design and of the ReinMax paper alone and
 * sharing no code with the graphs. z is rounded to float32 as the contract prescribes; see `gumbel-softmax.ts`.
 */

import { referenceDraw } from './gumbel-softmax.js';

/** One row of the inputs. */
export interface BackwardRow {
  readonly logits: ArrayLike<number>;
  readonly noise: ArrayLike<number>;
  readonly temperature: number;
  readonly cotangent: ArrayLike<number>;
}

/** Forward values up to 2^-126 are 0 by contract, and a category whose value is 0 contributes nothing. */
const flushed = (value: number) => (value > 2 ** -126 ? value : 0);

/** The sum over the categories whose weight is not 0 of weight times value. */
export function weighted(weights: Float64Array, values: ArrayLike<number>): number {
  return weights.reduce((sum, weight, k) => (weight === 0 ? sum : sum + weight * values[k]), 0);
}

/** The soft values, their exponents (z - max z) / tau, and the gradients of <cotangent, soft values>. */
export function referenceVjp({ logits, noise, temperature, cotangent }: BackwardRow) {
  const { soft, scaled } = referenceDraw(logits, noise, temperature);
  const y = soft.map(flushed);
  const d = scaled.map((value) => value * temperature);
  const mean = { v: weighted(y, cotangent), d: weighted(y, d) };
  const gradLogits = y.map((value, k) => (value === 0 ? 0 : (value * (cotangent[k] - mean.v)) / temperature));
  const terms = d.map((value, k) => cotangent[k] * (value - mean.d));
  return { y, scaled, d, gradLogits, gradTemperature: -weighted(y, terms) / temperature ** 2 };
}

/** ReinMax, Algorithm 2 of Liu et al. 2023, with the softmaxes p and t and the weights q that it is made of. */
export function referenceReinmax({ logits, noise, temperature, cotangent }: BackwardRow) {
  const still = new Float64Array(logits.length);
  const { soft: p, scaled } = referenceDraw(logits, still, 1);
  const { soft: t } = referenceDraw(logits, still, temperature);
  const { index } = referenceDraw(logits, noise, temperature);
  const q = t.map((value, k) => (value + Number(k === index)) / 2);
  const mean = { p: weighted(p, cotangent), q: weighted(q, cotangent) };
  const gradLogits = q.map((_, k) => 2 * q[k] * (cotangent[k] - mean.q) - 0.5 * p[k] * (cotangent[k] - mean.p));
  return { p, t, q, scaled, gradLogits };
}
