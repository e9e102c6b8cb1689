// The exports that the kernels of .. call: the float64 outputs of many draws, top-k, log-probabilities, and gradients.
// Draws are adjacent in noise and outputs; draw d takes row d % rowCount of the logits and the temperatures. The
// mathematics is in log-density.ts, top-k.ts, log-softmax.ts, plackett-luce.ts and gradients.ts.

import { indexOf, largest, perturb, perturbRow } from '../../noise/assembly/rows';
import { scale } from '../../noise/assembly/softmax';
import { condition, shifted } from './condition';
import { expOf, log1pOf, log1pWideOf, logOf } from './exp-log';
import { reinmax, vjp } from './gradients';
import { logDensity, logFactorial, logOfPoints, logSamples, roundedLogSamples } from './log-density';
import { logProbability, NORMALIZER_BYTES, normalize } from './log-softmax';
import { orderLogProb } from './plackett-luce';
import { addInner } from './rao';
import { topK } from './top-k';

export { logFactorial };

/**
 * Writes k categories of each draw to the words at `to`, where there is room for one word more. And unless its address
 * is 0, what follows as float64: to `scoresTo` their perturbed log-probabilities, to `thresholdTo` that of the category
 * that comes next, -Infinity if none is left, to `logProbTo` the log-probability of the order. z is scratch for one
 * row, `normalizers` for all rows, `entries` for 16 bytes a category, at least 192. False where a row has fewer than k.
 */
export function topOutputs(
  to: usize, scoresTo: usize, thresholdTo: usize, logProbTo: usize, logits: usize, noise: usize,
  draws: u32, categories: u32, rowCount: u32, k: u32, z: usize, normalizers: usize, entries: usize,
): bool {
  const rowBytes = <usize>categories * 4;
  const isScored = scoresTo != 0 || thresholdTo != 0;
  const places = thresholdTo != 0 ? min(k + 1, categories) : k;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = logits + <usize>(draw % rowCount) * rowBytes;
    const normalizer = normalizers + <usize>(draw % rowCount) * NORMALIZER_BYTES;
    const most = largest(row, categories);
    const mostZ = perturbRow(z, row, noise, categories, most);
    const areAll = topK(to, row, noise, categories, places, indexOf(z, categories, mostZ), entries);
    if (!areAll && (places == k || logitAt(row, to, k - 1) == -Infinity)) return false;
    if (isScored && draw < rowCount) normalize(normalizer, row, categories, most);
    if (scoresTo != 0) {
      for (let place: u32 = 0; place < k; place++, scoresTo += 8) store<f64>(scoresTo, scoreOf(row, noise, to, place, normalizer));
    }
    if (thresholdTo != 0) {
      // Where all categories are drawn, the word after them is not written.
      store<f64>(thresholdTo, areAll && places > k ? scoreOf(row, noise, to, k, normalizer) : -Infinity);
      thresholdTo += 8;
    }
    if (logProbTo != 0) {
      store<f64>(logProbTo, orderLogProb(to, k, row, categories, z, entries));
      logProbTo += 8;
    }
    noise += rowBytes;
    to += <usize>k * 4;
  }
  return true;
}

/** The logit of the category at a place of `order`. */
@inline
function logitAt(row: usize, order: usize, place: u32): f32 {
  return load<f32>(row + <usize>load<u32>(order + <usize>place * 4) * 4);
}

/** Its perturbed log-probability, phi + g: one rounding. */
@inline
function scoreOf(row: usize, noise: usize, order: usize, place: u32, normalizer: usize): f64 {
  return logProbability(logitAt(row, order, place), normalizer) + <f64>logitAt(noise, order, place);
}

/** Writes the normaliser of each row, two float64. False where a row has no finite logit. */
export function normalizers(to: usize, logits: usize, categories: u32, rows: u32): bool {
  for (let row: u32 = 0; row < rows; row++, to += NORMALIZER_BYTES, logits += <usize>categories * 4) {
    const most = largest(logits, categories);
    if (most == -Infinity) return false;
    normalize(to, logits, categories, most);
  }
  return true;
}

/**
 * Writes the log-probability of each draw's order of k categories to the float64 at `to`. left and picked are scratch
 * for one row.
 */
export function orderLogProbs(
  to: usize, orders: usize, logits: usize, draws: u32, categories: u32, rowCount: u32, k: u32, left: usize, picked: usize,
): void {
  for (let draw: u32 = 0; draw < draws; draw++, to += 8, orders += <usize>k * 4) {
    const row = logits + <usize>(draw % rowCount) * categories * 4;
    store<f64>(to, orderLogProb(orders, k, row, categories, left, picked));
  }
}

/**
 * Writes log y of each draw to the floats at `logSamplesTo`, and its log-density there to the float64 at `logProbTo`,
 * unless that is 0. False where a row has no finite logit. temperatures are float64; z and logY are scratch for one row
 * of floats and of float64.
 */
export function logOutputs(
  logSamplesTo: usize, logProbTo: usize, logits: usize, noise: usize, temperatures: usize,
  draws: u32, categories: u32, rowCount: u32, z: usize, logY: usize,
): bool {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = logits + <usize>(draw % rowCount) * rowBytes;
    const temperature = load<f64>(temperatures + <usize>(draw % rowCount) * 8);
    const most = largest(row, categories);
    if (most == -Infinity) return false;
    const mostZ = perturbRow(z, row, noise, categories, most);
    roundedLogSamples(logSamplesTo, logY, z, row, categories, most, mostZ, temperature);
    if (logProbTo != 0) {
      store<f64>(logProbTo, logDensity(row, logY, categories, most, temperature));
      logProbTo += 8;
    }
    noise += rowBytes;
    logSamplesTo += rowBytes;
  }
  return true;
}

/**
 * Turns the noise of each draw into its z given its index, in place, and writes the conditioned noise to the floats at
 * `noiseTo`. `given` has the index of each row. False where a row has no finite logit. wide is scratch for one row of
 * float64.
 */
export function conditionDraws(
  noiseTo: usize, noise: usize, logits: usize, given: usize, draws: u32, categories: u32, rowCount: u32, wide: usize,
): bool {
  const rowBytes = <usize>categories * 4;
  for (let row: u32 = 0, rows = min(rowCount, draws); row < rows; row++) {
    const from = logits + <usize>row * rowBytes;
    const most = largest(from, categories);
    if (most == -Infinity) return false;
    const logSum = shifted(wide, from, categories, most);
    const index = load<u32>(given + <usize>row * 4);
    for (let draw = row; draw < draws; draw += rowCount) {
      const at = <usize>draw * rowBytes;
      condition(noiseTo + at, noise + at, wide, categories, index, logSum);
    }
  }
  return true;
}

/**
 * Writes log y of each draw to the floats at `to`, from its z. Every row has a finite logit. temperatures are float64;
 * logY is scratch for one row of float64.
 */
export function logSamplesOfZ(
  to: usize, z: usize, logits: usize, temperatures: usize, draws: u32, categories: u32, rowCount: u32, logY: usize,
): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = logits + <usize>(draw % rowCount) * rowBytes;
    const temperature = load<f64>(temperatures + <usize>(draw % rowCount) * 8);
    roundedLogSamples(to, logY, z, row, categories, largest(row, categories), largest(z, categories), temperature);
    z += rowBytes;
    to += rowBytes;
  }
}

/**
 * Writes the log-density of each draw's point, or of its logarithm, to the float64 at `to`. False where a row has no
 * finite logit.
 */
export function logProbOfPoints(
  to: usize, logits: usize, points: usize, temperatures: usize, draws: u32, categories: u32, rowCount: u32, areLogs: bool, logY: usize,
): bool {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = logits + <usize>(draw % rowCount) * rowBytes;
    const temperature = load<f64>(temperatures + <usize>(draw % rowCount) * 8);
    const most = largest(row, categories);
    if (most == -Infinity) return false;
    logOfPoints(logY, points, categories, areLogs);
    store<f64>(to, logDensity(row, logY, categories, most, temperature));
    points += rowBytes;
    to += 8;
  }
  return true;
}

/**
 * Turns noise into z and logits into l - max l, both in place, and writes the exponents of a gradient: for vjp those of
 * each draw, (z - max z) / tau, to `scaled`; for reinmax those of each row, l - max l to `unit` and (l - max l) / tau
 * to `scaled`.
 */
export function gradientExponents(
  scaled: usize, unit: usize, logits: usize, noise: usize, temperatures: usize, draws: u32, categories: u32, rowCount: u32, ofRows: bool,
): void {
  const rowBytes = <usize>categories * 4;
  perturb(noise, logits, draws, categories, rowCount);
  const count = ofRows ? min(rowCount, draws) : draws;
  let from = ofRows ? logits : noise;
  if (ofRows) memory.copy(unit, logits, <usize>count * rowBytes);
  for (let at: u32 = 0; at < count; at++) {
    const factor = <f32>1 / <f32>load<f64>(temperatures + <usize>(at % rowCount) * 8);
    scale(scaled, from, from + rowBytes, ofRows ? 0 : largest(from, categories), factor);
    scaled += rowBytes;
    from += rowBytes;
  }
}

/** Writes float64 gradients of each draw, from its z, the exponentials of its exponents, and its cotangent. */
export function vjps(
  to: usize, temperatureTo: usize, z: usize, scaled: usize, cotangents: usize, temperatures: usize,
  draws: u32, categories: u32, rowCount: u32,
): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const temperature = load<f64>(temperatures + <usize>(draw % rowCount) * 8);
    store<f64>(temperatureTo, vjp(to, z, scaled, cotangents, categories, largest(z, categories), temperature));
    temperatureTo += 8;
    to += 2 * rowBytes;
    z += rowBytes;
    scaled += rowBytes;
    cotangents += rowBytes;
  }
}

/** The same by ReinMax, from the exponentials of each row. */
export function reinmaxes(
  to: usize, z: usize, scaled: usize, unit: usize, cotangents: usize, draws: u32, categories: u32, rowCount: u32,
): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = <usize>(draw % rowCount) * rowBytes;
    const index = indexOf(z, categories, largest(z, categories));
    reinmax(to, unit + row, scaled + row, cotangents, categories, index);
    to += 2 * rowBytes;
    z += rowBytes;
    cotangents += rowBytes;
  }
}

/** For Gumbel-Rao: l - max l of each row to the float64 at `wide`, and its log sum exp to the float64 at `logSums`. */
export function shiftRows(wide: usize, logSums: usize, logits: usize, rows: u32, categories: u32): void {
  const rowBytes = <usize>categories * 4;
  for (let row: u32 = 0; row < rows; row++) {
    // In order: the surplus element of a row is overwritten by the next row.
    store<f64>(logSums, shifted(wide, logits, categories, largest(logits, categories)));
    wide += 2 * rowBytes;
    logits += rowBytes;
    logSums += 8;
  }
}

/** Adds one inner draw of each draw to its float64 sums at `to`. `indices` has the index of each draw. */
export function addInners(
  to: usize, noise: usize, wide: usize, logSums: usize, indices: usize, cotangents: usize, temperatures: usize,
  draws: u32, categories: u32, rowCount: u32, scratch: usize,
): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const row = <usize>(draw % rowCount);
    const logSum = load<f64>(logSums + row * 8);
    const temperature = load<f64>(temperatures + row * 8);
    const index = load<u32>(indices + <usize>draw * 4);
    const from = wide + 2 * row * rowBytes;
    addInner(to, noise, from, cotangents, scratch, categories, index, logSum, temperature);
    to += 2 * rowBytes;
    noise += rowBytes;
    cotangents += rowBytes;
  }
}

/** Turns the sums of `inner` inner draws into means over the temperature. */
export function finishInners(
  to: usize, temperatures: usize, draws: u32, categories: u32, rowCount: u32, inner: u32,
): void {
  for (let draw: u32 = 0; draw < draws; draw++) {
    const divisor = <f64>inner * load<f64>(temperatures + <usize>(draw % rowCount) * 8);
    // + 0 turns -0 into 0.
    for (const end = to + <usize>categories * 8; to < end; to += 8) store<f64>(to, load<f64>(to) / divisor + 0);
  }
}

/** For tests: log y of one row in float64. */
export function logSamplesOf(logY: usize, logits: usize, noise: usize, categories: u32, temperature: f64, z: usize): void {
  const most = largest(logits, categories);
  logSamples(logY, z, logits, categories, most, perturbRow(z, logits, noise, categories, most), temperature);
}

/** For tests: the log-density of one row at log y in float64, which is overwritten. */
export function logDensityOf(logits: usize, logY: usize, categories: u32, temperature: f64): f64 {
  return logDensity(logits, logY, categories, largest(logits, categories), temperature);
}

/** For tests. */
export { expOf, log1pOf, log1pWideOf, logOf };
