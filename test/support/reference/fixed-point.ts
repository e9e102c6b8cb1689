/**
 * Arithmetic with 192 fractional bits in BigInt, and the log-density in it: an evaluation that shares neither the order
 * of operations nor the number format with what it checks. Slow, and exact far below what float64 can tell.
 */

const bits = 192n;
const one = 1n << bits;

/** A float64 as fixed point; exact down to 2^-192. */
export function fixed(value: number): bigint {
  if (value === 0) return 0n;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  // An integer, by a scaling that neither rounds nor overflows, even where log2 rounded up to the next exponent.
  const mantissa = BigInt((value / 2 ** exponent) * 2 ** 53);
  const shift = BigInt(exponent) - 53n + bits;
  return shift >= 0n ? mantissa << shift : mantissa >> -shift;
}

/** The nearest float64, or one next to it. */
export function float(value: bigint): number {
  return Number(value) / 2 ** 192;
}

const times = (a: bigint, b: bigint) => (a * b) >> bits;

/** e^x for x at most 20, within 2^-120: Taylor's series of x / 2^26, squared 26 times. Below -110, 0. */
export function exp(x: bigint): bigint {
  if (x < -110n * one) return 0n;
  const halvings = 26n;
  const reduced = x >> halvings;
  let term = one;
  let sum = one;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = times(term, reduced) / n;
    sum += term;
  }
  for (let n = 0n; n < halvings; n++) sum = times(sum, sum);
  return sum;
}

/**
 * log x for x from 1e-6 to e^15, within 2^-100: float64's logarithm y, then a step of Halley's method on e^y, which
 * cubes its error.
 */
export function log(x: bigint): bigint {
  const start = fixed(Math.log(float(x)));
  const reached = exp(start);
  return start + (2n * (x - reached) * one) / (x + reached);
}

/** log(n!) for each n below `end`. */
export function logFactorials(end: number): bigint[] {
  const result = [0n];
  for (let n = 1; n < end; n++) result.push(result[n - 1] + log(fixed(n)));
  return result;
}

function logSumExp(values: readonly bigint[]): bigint {
  // Math.max takes no BigInt.
  const largest = values.reduce((a, b) => (a > b ? a : b));
  return largest + log(values.reduce((sum, value) => sum + exp(value - largest), 0n));
}

/**
 * lgamma(K) + (K - 1) log tau - K logsumexp(l - tau log y) + sum_k (l_k - (tau + 1) log y_k), term by term. No masks.
 */
export function referenceLogDensity(logits: Iterable<number>, temperature: number, logY: Iterable<number>): bigint {
  const tau = fixed(temperature);
  const ys = Array.from(logY, fixed);
  const ls = Array.from(logits, fixed);
  const count = BigInt(ls.length);
  const scores = ls.map((l, k) => l - times(tau, ys[k]));
  const sum = ls.reduce((total, l, k) => total + l - times(tau + one, ys[k]), 0n);
  const logGamma = logFactorials(ls.length)[ls.length - 1];
  return logGamma + (count - 1n) * log(tau) - count * logSumExp(scores) + sum;
}

/** log-softmax of z / tau. No masks. */
export function referenceLogSamples(z: Iterable<number>, temperature: number): bigint[] {
  const scaled = Array.from(z, (value) => (fixed(value) * one) / fixed(temperature));
  const normalizer = logSumExp(scaled);
  return scaled.map((value) => value - normalizer);
}
