/**
 * The float64 arithmetic of a draw that the float32 graph cannot do: the perturbed logits that every output of one draw
 * shares, the logarithm of its soft sample, and the log-density of a soft sample. Right where the sample itself
 * underflows. Pure functions of one row, added up in a fixed order, so a result depends on nothing but the row; which
 * rows, whose noise and where results go are left to the caller.
 *
 * Math.exp, Math.log and Math.log1p are taken to be within 1 ulp. V8 has its own (fdlibm), so one version of Node gives
 * the same bits on every machine.
 */

/** The largest finite float32. */
const float32Max = 2 ** 128 - 2 ** 104;

/**
 * z = (l - max l) + g in float32, two rounded operations, written to `z`; returns the category of the largest, the lowest
 * one on a tie. `logits` and `noise` are float32 [K]; -Infinity masks a category and stays -Infinity.
 *
 * Domain: at least one finite logit; noise as in the contract or 0. Limit: where the difference of two finite logits
 * leaves float32 (3.4e38 and -3.4e38 in one row) it stops at -3.4e38. So z is -Infinity exactly at masked places, and
 * top-k and log-samples can tell "never" from "practically never". The category drawn and the soft sample are unchanged
 * by that: an unmasked logit equal to max l has z >= -2.82.
 */
export function perturb(logits: Float32Array, noise: Float32Array, z: Float32Array): number {
  const largest = largestOf(logits);
  let index = -1;
  let largestZ = -Infinity;
  for (let k = 0; k < logits.length; k++) {
    const logit = logits[k];
    // Rounding the float64 result of one operation on float32 operands gives the bits of the float32 operation.
    const shifted = logit === -Infinity ? logit : Math.max(Math.fround(logit - largest), -float32Max);
    const value = Math.fround(shifted + noise[k]);
    z[k] = value;
    if (value > largestZ) {
      largestZ = value;
      index = k;
    }
  }
  return index;
}

/**
 * log y = d - log sum exp d with d = (z - max z) / tau, the log-softmax of z / tau, in float64 to `out`. The maximum is
 * subtracted before the division, so no temperature overflows. `z` is float32 [K] with at least one finite entry;
 * a masked entry, -Infinity, stays so. tau is in 1e-6 .. 1e6.
 *
 * Accuracy, against the exact log-softmax of these z and tau, with u = 2^-53:
 *   |error| <= u (4 |log y| + 4 ln K + 8)
 * Derivation: d has 2 roundings, relative. They reach the logarithm of the sum as 2 u sum_k y_k |d_k| <= 2 u ln K; exp,
 * compensated sum and log1p add 3 u + 2 u ln K; the subtraction u |log y|. At the largest entry the error is relative,
 * u |log y| (2 |d'| + 2 ln K + 6) with d' the second largest d, since log1p takes the sum without its 1.
 * Limit: a value below -3.4e38 stops there, so that it is finite in float32 too and -Infinity always means masked.
 */
export function logSamples(z: Float32Array, temperature: number, out: Float64Array): void {
  const winner = argmax(z);
  const largest = z[winner];
  const rest = new CompensatedSum();
  for (let k = 0; k < z.length; k++) {
    const d = (z[k] - largest) / temperature;
    out[k] = d;
    if (k !== winner) rest.add(Math.exp(d));
  }
  const normalizer = Math.log1p(rest.value);
  for (let k = 0; k < z.length; k++) {
    const logY = out[k] - normalizer;
    out[k] = z[k] === -Infinity ? -Infinity : Math.max(logY, -float32Max);
  }
}

/**
 * The log-density of a relaxed one-hot sample y (Maddison et al. 2016, "The Concrete Distribution", equation 10; torch's
 * RelaxedOneHotCategorical.log_prob) from log y, in float64, with respect to K - 1 of the coordinates of y:
 *
 *   log p(y) = lgamma(K) + (K - 1) log tau - K logsumexp(l - tau log y) + sum_k (l_k - (tau + 1) log y_k)
 *
 * K counts the unmasked categories, and sums run over these. With a_k = l_k - tau log y_k the last two terms are
 *
 *   sum_k (a_k - logsumexp a) - sum_k log y_k
 *
 * which is what is computed, from l_k - max l: a constant added to all l is added to all a and to logsumexp a, and drops
 * out of every difference. Nothing overflows in float64 for float32 logits, and no large terms cancel that need not.
 *
 * Domain: logits float32 [K], -Infinity where masked, at least one finite; tau in 1e-6 .. 1e6; log y float32 or float64
 * [K], finite or -Infinity. y is taken as given: multiplying it by c adds -K log c.
 *
 * Limits. One unmasked category: 0, since the simplex is a point, which has probability 1. A positive y at a masked place:
 * -Infinity, density 0. y = 0 at an unmasked place: -Infinity, since the density lives on the open simplex. It has no
 * value on the boundary: towards one zero it tends to 0 where (K - 1) tau > 1 and to infinity where (K - 1) tau < 1, and
 * towards several the limit depends on the path. Requests with such a y are refused before this, and `logSamples` never
 * writes one. Never NaN, never +Infinity.
 *
 * Accuracy, against the exact value for these inputs, with u = 2^-53, M = max_k (|l_k - max l| + tau |log y_k|) and
 * Y = sum_k |log y_k|, to first order in u:
 *   |error| <= u (16 K M + 4 Y + 16 K (1 + ln K + |ln tau|))
 * Derivation: a_k and a_k - max a err by at most 4 u M, which reaches the sum of log-softmaxes 2 K times; its compensated
 * sum by u times its size, at most 2 K M, in all 10 K M. K log1p(rest): 4 u K from the exponentials and their sum, 3 roundings of
 * at most K ln K. lgamma(K) and (K - 1) log tau: 8 and 3 roundings. Compensated sums make the roundings of additions part
 * of these, whatever K is; the last ones add u times the result.
 */
export function logDensity(logits: Float32Array, temperature: number, logY: Float32Array | Float64Array): number {
  const largest = largestOf(logits);
  let unmasked = 0;
  let peak = -Infinity;
  let peakAt = -1;
  for (let k = 0; k < logits.length; k++) {
    const masked = logits[k] === -Infinity;
    const zero = logY[k] === -Infinity;
    if (masked !== zero) return -Infinity;
    if (masked) continue;
    unmasked += 1;
    const a = logits[k] - largest - temperature * logY[k];
    if (a > peak) {
      peak = a;
      peakAt = k;
    }
  }
  if (unmasked === 1) return 0;

  const scores = new CompensatedSum();
  const logs = new CompensatedSum();
  const rest = new CompensatedSum();
  for (let k = 0; k < logits.length; k++) {
    if (logits[k] === -Infinity) continue;
    const score = logits[k] - largest - temperature * logY[k] - peak;
    scores.add(score);
    logs.add(logY[k]);
    if (k !== peakAt) rest.add(Math.exp(score));
  }
  const total = new CompensatedSum();
  total.add(logFactorial(unmasked - 1));
  total.add((unmasked - 1) * Math.log(temperature));
  total.add(scores.value);
  total.add(-unmasked * Math.log1p(rest.value));
  total.add(-logs.value);
  return total.value;
}

/** 22! is the largest factorial that float64 holds exactly: its odd part is below 2^53. */
const exactFactorialMax = 22;

/**
 * log(n!) = lgamma(n + 1) of an integer n >= 0, in float64.
 *
 * Up to 22 the logarithm of the exact factorial, within 1 ulp. Above, Stirling's series in x = n + 1 >= 24 (Abramowitz
 * and Stegun 6.1.41), whose error is below its first term left out, 1 / (1188 x^9) < 4e-16. Relative error < 2^-50.
 */
export function logFactorial(n: number): number {
  if (n <= exactFactorialMax) {
    let factorial = 1;
    for (let factor = 2; factor <= n; factor++) factorial *= factor;
    return Math.log(factorial);
  }
  const x = n + 1;
  const inverse = 1 / x;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/** The largest logit. */
function largestOf(logits: Float32Array): number {
  return logits[argmax(logits)];
}

/** The lowest index of the largest value, which must be finite. */
function argmax(values: Float32Array): number {
  let index = -1;
  let largest = -Infinity;
  for (let k = 0; k < values.length; k++) {
    if (values[k] > largest) {
      largest = values[k];
      index = k;
    }
  }
  if (index < 0) throw new Error('A row without a finite value. This is a bug.');
  return index;
}

/**
 * A float64 sum that carries what its additions round away (Neumaier 1974). Of n finite terms t it returns their sum
 * within u |sum| + 2 n^2 u^2 sum |t|, u = 2^-53: for n up to 2^20 as if added exactly and rounded, unless they cancel
 * by more than a factor 2^12.
 */
class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(term: number): void {
    const sum = this.#sum + term;
    const larger = Math.abs(this.#sum) >= Math.abs(term);
    this.#lost += larger ? this.#sum - sum + term : term - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}
