// The float64 arithmetic of a draw that the float32 graph cannot do: the logarithm of its soft sample, and the
// log-density of a soft sample. Right also where the sample itself underflows. A result depends on the row alone: sums
// are taken in one fixed order, even and odd categories apart. row-kernel.ts loops over the draws.
//
// exp, log and log1p are within 1 ulp: those of exp-log.ts, and AssemblyScript's own log1p, which is musl's.

import { constant, exp, log, logOf } from './exp-log';
import { lost, lostOf, total } from './sum';

const MINUS_FLOAT32_MAX = memory.data<f64>([-3.4028234663852886e38]);
const MINUS_INFINITY = memory.data<u64>([0xfff0000000000000]);

/**
 * log y = d - log sum exp d with d = (z - max z) / tau, the log-softmax of z / tau, in float64 to `out`, which has room
 * for an even number of categories; the surplus element is -Infinity. The maximum is subtracted before the division, so
 * no temperature overflows. z is the output of `perturbRow`. Where that exceeds float32, z is l - max l in float64,
 * where the noise is too small to matter. A masked category stays -Infinity. tau is in 1e-6 .. 1e6.
 *
 * Accuracy, against the exact log-softmax of these z and tau, with u = 2^-53:
 *   |error| <= u (4 |log y| + 4 ln K + 8)
 * Derivation: d has 2 roundings, relative. They reach the logarithm of the sum as 2 u sum_k y_k |d_k| <= 2 u ln K; exp,
 * compensated sum and log1p add 3 u + 2 u ln K; the subtraction u |log y|. exp is 0 below -708: that leaves out less
 * than K 2^-1021. At the largest entry the error is relative, u |log y| (2 |d'| + 2 ln K + 6) with d' the second
 * largest d while d' > -708, since log1p takes the sum without its 1. Limit: a value below -3.4e38 stops there, so that
 * it is finite in float32 too and -Infinity always means masked.
 */
export function logSamples(out: usize, z: usize, logits: usize, categories: u32, most: f32, mostZ: f32, temperature: f64): void {
  normalize(out, exponents(out, z, logits, categories, most, mostZ, temperature), categories);
}

/** Writes d of each category to `out` and returns log sum exp d. */
export function exponents(out: usize, z: usize, logits: usize, categories: u32, most: f32, mostZ: f32, temperature: f64): f64 {
  const taus = f64x2.splat(temperature);
  const peak = f64x2.splat(<f64>mostZ);
  const top = f64x2.splat(<f64>most);
  let sums = f64x2.splat(0);
  let losts = f64x2.splat(0);
  let peaks = i64x2.splat(0);
  let to = out;
  for (let left = <i32>categories; left > 0; left -= 2, z += 8, logits += 8, to += 16) {
    const d = belowPeak(pair(z, left), pair(logits, left), top, peak, taus);
    v128.store(to, d);
    // The largest itself, and what ties with it, is counted rather than added.
    const below = f64x2.ne(d, f64x2.splat(0));
    const term = v128.and(exp(d), below);
    const sum = f64x2.add(sums, term);
    losts = f64x2.add(losts, lost(sums, term, sum));
    sums = sum;
    peaks = i64x2.add(peaks, i64x2.add(below, i64x2.splat(1)));
  }
  const ties = <f64>(i64x2.extract_lane(peaks, 0) + i64x2.extract_lane(peaks, 1) - 1);
  return Math.log1p(total(sums, losts) + ties);
}

/** Turns d into log y, in place. */
function normalize(out: usize, logSum: f64, categories: u32): void {
  const normalizer = f64x2.splat(logSum);
  for (const end = out + <usize>categories * 8; out < end; out += 16) v128.store(out, logOfShare(v128.load(out), normalizer));
}

/** log y = d - log sum exp d of two categories. */
@inline
function logOfShare(d: v128, normalizer: v128): v128 {
  const logY = f64x2.pmax(f64x2.sub(d, normalizer), constant(MINUS_FLOAT32_MAX));
  return v128.bitselect(d, logY, f64x2.eq(d, constant(MINUS_INFINITY)));
}

/** The same rounded to float32: to the floats at `to`, and as float64 to `out`. -0 becomes 0. */
export function roundedLogSamples(
  to: usize, out: usize, z: usize, logits: usize, categories: u32, most: f32, mostZ: f32, temperature: f64,
): void {
  const normalizer = f64x2.splat(exponents(out, z, logits, categories, most, mostZ, temperature));
  const end = out + <usize>(categories & ~1) * 8;
  for (; out < end; out += 16, to += 8) {
    const rounded = f32x4.add(f32x4.demote_f64x2_zero(logOfShare(v128.load(out), normalizer)), f32x4.splat(0));
    v128.store64_lane(to, rounded, 0);
    v128.store(out, f64x2.promote_low_f32x4(rounded));
  }
  if ((categories & 1) != 0) {
    const rounded = <f32>f64x2.extract_lane(logOfShare(v128.load(out), normalizer), 0) + <f32>0;
    store<f32>(to, rounded);
    store<f64>(out, <f64>rounded);
  }
}

/** Two floats; where only one is left, the second is -Infinity, as if masked. */
@inline
export function pair(from: usize, left: i32): v128 {
  const both = v128.load64_zero(from);
  return left == 1 ? f32x4.replace_lane(both, 1, -Infinity) : both;
}

/** The same of float64. */
@inline
function widePair(from: usize, left: i32): v128 {
  const both = v128.load(from);
  return left == 1 ? f64x2.replace_lane(both, 1, -Infinity) : both;
}

/** (z - max z) / tau of two categories, in float64. */
@inline
function belowPeak(z: v128, logits: v128, top: v128, peak: v128, taus: v128): v128 {
  const wide = f64x2.promote_low_f32x4(z);
  const far = f64x2.sub(f64x2.promote_low_f32x4(logits), top);
  const value = v128.bitselect(far, wide, f64x2.eq(wide, constant(MINUS_INFINITY)));
  return f64x2.div(f64x2.sub(value, peak), taus);
}

/**
 * Writes log y of points to `to`, with room for an even number: their logarithms, or the points where they are
 * logarithms already.
 */
export function logOfPoints(to: usize, points: usize, categories: u32, areLogs: bool): void {
  const end = points + <usize>categories * 4;
  for (; points < end; points += 8, to += 16) {
    const wide = f64x2.promote_low_f32x4(v128.load64_zero(points));
    v128.store(to, areLogs ? wide : log(wide));
  }
}

/**
 * The log-density of a relaxed one-hot sample y (Maddison et al. 2016, "The Concrete Distribution", equation 10;
 * torch's RelaxedOneHotCategorical.log_prob) from log y, in float64, with respect to K - 1 of the coordinates of y:
 *
 *   log p(y) = lgamma(K) + (K - 1) log tau - K logsumexp(l - tau log y) + sum_k (l_k - (tau + 1) log y_k)
 *
 * K counts the unmasked categories, and sums run over these. With a_k = l_k - tau log y_k the last two terms are
 *
 *   sum_k (a_k - logsumexp a) - sum_k log y_k
 *
 * which is what is computed, from l_k - max l: a constant added to all l is added to all a and to logsumexp a, and
 * drops out of every difference. Nothing overflows in float64 for float32 logits, and no large terms cancel
 * without need.
 *
 * Domain: logits float32 [K], -Infinity where masked, `most` the largest of them, finite; tau in 1e-6 .. 1e6; log y
 * float64 [K], finite or -Infinity, with room for an even number of categories, overwritten. y is taken as given:
 * multiplying it by c adds -K log c.
 *
 * Limits. One unmasked category: 0, since the simplex is a point, which has probability 1. A positive y at a masked
 * place: -Infinity, density 0. y = 0 at an unmasked place: -Infinity, since the density lives on the open simplex. It
 * has no value on the boundary: towards one zero it tends to 0 where (K - 1) tau > 1 and to infinity where (K - 1) tau
 * < 1, and towards several the limit depends on the path. Requests with such a y are refused before this, and
 * `logSamples` never writes one. Never NaN, never +Infinity.
 *
 * Accuracy, against the exact value for these inputs, with u = 2^-53, M = max_k (|l_k - max l| + tau |log y_k|) and
 * Y = sum_k |log y_k|, to first order in u:
 *   |error| <= u (16 K M + 4 Y + 16 K (1 + ln K + |ln tau|))
 * Derivation: a_k and a_k - max a err by at most 4 u M, which reaches the sum of log-softmaxes 2 K times; its
 * compensated sum by u times its size, at most 2 K M, in all 10 K M. K log1p(rest): 4 u K from the exponentials and
 * their sum, 3 roundings of at most K ln K. lgamma(K) and (K - 1) log tau: 8 and 3 roundings. Compensated sums make the
 * roundings of additions part of these, whatever K is; the last ones add u times the result.
 */
export function logDensity(logits: usize, logY: usize, categories: u32, most: f32, temperature: f64): f64 {
  const top = f64x2.splat(<f64>most);
  const taus = f64x2.splat(temperature);
  let peaks = constant(MINUS_INFINITY);
  let logs = f64x2.splat(0);
  let logsLost = f64x2.splat(0);
  let masks = i64x2.splat(0);
  let mismatch = i64x2.splat(0);
  let at = logY;
  for (let left = <i32>categories; left > 0; left -= 2, at += 16, logits += 8) {
    const l = f64x2.promote_low_f32x4(pair(logits, left));
    const y = widePair(at, left);
    const masked = f64x2.eq(l, constant(MINUS_INFINITY));
    mismatch = v128.or(mismatch, v128.xor(masked, f64x2.eq(y, constant(MINUS_INFINITY))));
    masks = i64x2.sub(masks, masked);
    const a = v128.bitselect(l, f64x2.sub(f64x2.sub(l, top), f64x2.mul(taus, y)), masked);
    peaks = f64x2.pmax(peaks, a);
    v128.store(at, a);
    const term = v128.andnot(y, masked);
    const sum = f64x2.add(logs, term);
    logsLost = f64x2.add(logsLost, lost(logs, term, sum));
    logs = sum;
  }
  const end = at;
  if (v128.any_true(mismatch)) return -Infinity;
  const even = (categories + 1) & ~1;
  const unmasked = <u32>(<i64>even - i64x2.extract_lane(masks, 0) - i64x2.extract_lane(masks, 1));
  if (unmasked == 1) return 0;

  const peak = max(f64x2.extract_lane(peaks, 0), f64x2.extract_lane(peaks, 1));
  let scores = f64x2.splat(0);
  let scoresLost = f64x2.splat(0);
  let rest = f64x2.splat(0);
  let restLost = f64x2.splat(0);
  let ties = i64x2.splat(0);
  for (at = logY; at < end; at += 16) {
    const score = f64x2.sub(v128.load(at), f64x2.splat(peak));
    const term = v128.andnot(score, f64x2.eq(score, constant(MINUS_INFINITY)));
    const sum = f64x2.add(scores, term);
    scoresLost = f64x2.add(scoresLost, lost(scores, term, sum));
    scores = sum;
    const below = f64x2.ne(score, f64x2.splat(0));
    const share = v128.and(exp(score), below);
    const restSum = f64x2.add(rest, share);
    restLost = f64x2.add(restLost, lost(rest, share, restSum));
    rest = restSum;
    ties = i64x2.add(ties, i64x2.add(below, i64x2.splat(1)));
  }
  const others = total(rest, restLost) + <f64>(i64x2.extract_lane(ties, 0) + i64x2.extract_lane(ties, 1) - 1);
  const count = <f64>unmasked;
  return sumOfFive(
    logFactorial(unmasked - 1),
    (count - 1) * logOf(temperature),
    total(scores, scoresLost),
    -count * Math.log1p(others),
    -total(logs, logsLost),
  );
}

function sumOfFive(a: f64, b: f64, c: f64, d: f64, e: f64): f64 {
  let sum = a + b;
  let rest = lostOf(a, b, sum);
  let next = sum + c;
  rest += lostOf(sum, c, next);
  sum = next;
  next = sum + d;
  rest += lostOf(sum, d, next);
  sum = next;
  next = sum + e;
  rest += lostOf(sum, e, next);
  return next + rest;
}

/** 22! is the largest factorial that float64 holds exactly: its odd part is below 2^53. */
const EXACT_FACTORIAL_MAX: u32 = 22;

/**
 * log(n!) = lgamma(n + 1) of an integer n >= 0, in float64.
 *
 * Up to 22 the logarithm of the exact factorial, within 1 ulp. Above, Stirling's series in x = n + 1 >= 24 (Abramowitz
 * and Stegun 6.1.41), whose error is below its first term left out, 1 / (1188 x^9) < 4e-16. Relative error < 2^-50.
 */
export function logFactorial(n: u32): f64 {
  if (n <= EXACT_FACTORIAL_MAX) {
    let factorial: f64 = 1;
    for (let factor: u32 = 2; factor <= n; factor++) factorial *= <f64>factor;
    return logOf(factorial);
  }
  const x = <f64>n + 1;
  const inverse = 1 / x;
  const square = inverse * inverse;
  const series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
  return (x - 0.5) * logOf(x) - x + 0.5 * logOf(6.283185307179586) + series;
}
