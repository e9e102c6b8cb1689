// The index of the largest z = l + g of each draw, without the two logarithms of most categories. The index is that of
// argmax, bit for bit: of the categories that are left out it is proved that their z is below the best so far.
//
// The best so far begins with a guess: the largest z is log sum exp l plus Gumbel noise, so it is seldom far below log
// sum exp l. A draw where no z exceeds the guess is searched once more without it. So the guess changes no index, only
// time.
//
// -log1p(-v) >= v, so g <= -log v: a category with -log v < best - l cannot be the index. In powers of two that is
//
//     log2 v > (l - best) / log 2
//
// A float's bits, read as an integer, are 2^23 (log2 x + 127), but linear between powers of two: at most 0.0861 2^23
// below it, and never above. So the test needs no logarithm, only the words:
//
//     s32(bits(s32(b >> 1))) > (2^23 / log 2) l + limit,     limit = 2^23 (127 + 31 + MARGIN - best / log 2)
//
// Errors, in powers of two: b >> 1 only makes the left side smaller. Only the winner must not be left out. Its z is at
// least -2.82, the least noise of the largest logit, so its l is above -48. While best < -64, the right side is
// therefore too large for any word. Afterwards both sides are below 2^31 where they are close, and each of the six
// roundings moves them by at most 2^6 units of 2^-23: 5e-5 together. v is at most 2^-24 smaller than its word, and g at
// most 3 x 2^-24 max(1, |g|) larger than -log v (docs/noise-contract.md): 1e-5. Rounding l + g cannot lift it above
// best, a float. MARGIN is ten times as much.

import { rareMask, rareValue, setDraw } from './draws';
import { firstLog, secondLog, uniform } from './gumbel';
import { BITS, CHUNK, constant, LISTED, PADDED, UNIFORMS } from './memory';
import { drawBits } from './philox';
import { indexOf, largest } from './rows';

/** In powers of two. */
const MARGIN: f64 = 0.001;

/** 2^23 / log 2 */
const SLOPE: f32 = 12102203;
const SLOPES = memory.data<f32>([SLOPE]);

/** limit without the best z. */
const LIMIT: f32 = <f32>(8388608 * (127 + 31 + MARGIN));

/**
 * The guess is so far below log sum exp l of the first chunk. The largest z there is lower still in one draw of 88,
 * e^(e^1.5). From 1.25 to 1.75 the time is the same.
 */
const GUESS_BELOW: f32 = 1.5;

/** The index while no z has exceeded the guess. */
const NONE: u32 = 0xffffffff;

/** The largest z of the draw so far, or the guess, and the index. */
let best: f32 = 0;
let bestIndex: u32 = 0;

/**
 * Writes the index of each draw to the words at `to`, the lowest on a tie. Draw d takes row d % rowCount of the logits,
 * of which at least one is finite, and leaves l - max l in it. `maxima` has room for 16 bytes for each group of
 * 16 categories. draws, categories, rowCount >= 1.
 */
export function searchDraws(
  to: usize, logits: usize, maxima: usize, draws: u32, categories: u32, rowCount: u32,
): void {
  for (let row: u32 = 0, rows = min(draws, rowCount); row < rows; row++) {
    const guess = prepareRow(logits, maxima, categories);
    for (let draw = row; draw < draws; draw += rowCount) {
      setDraw(draw);
      searchDraw(logits, maxima, categories, guess);
      if (bestIndex == NONE) searchDraw(logits, maxima, categories, -Infinity);
      store<u32>(to + <usize>draw * 4, bestIndex);
    }
    logits += <usize>categories * 4;
  }
}

/**
 * What all draws of a row share. Turns the row into l - max l. Writes the last, partial group to PADDED, and for each
 * group the largest logit of every fourth category, times SLOPE. Returns the guess: of the first chunk's largest z,
 * which is the best so far when the second chunk comes.
 */
function prepareRow(l: usize, maxima: usize, categories: u32): f32 {
  const largestOfRow = f32x4.splat(largest(l, categories));
  const rest = categories & 15;
  let sum = f32x4.splat(0);
  let first: u32 = 0;
  for (; first + 16 <= categories; first += 16, l += 64, maxima += 16) {
    prepareGroup(l, maxima, largestOfRow);
    if (first < CHUNK) sum = f32x4.add(sum, sumOfExp(l));
  }
  if (rest != 0) {
    pad(l, rest);
    prepareGroup(PADDED, maxima, largestOfRow);
    if (first < CHUNK) sum = f32x4.add(sum, sumOfExp(PADDED));
    memory.copy(l, PADDED, rest * 4);
  }
  const pair = f32x4.add(sum, v128.shuffle<i64>(sum, sum, 1, 0));
  return log(f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1)) - GUESS_BELOW;
}

/** Turns a group of logits into l - max l, and writes the largest of every fourth, times SLOPE, to `maxima`. */
@inline
function prepareGroup(l: usize, maxima: usize, largestOfRow: v128): void {
  const l0 = f32x4.sub(v128.load(l), largestOfRow);
  const l1 = f32x4.sub(v128.load(l, 16), largestOfRow);
  const l2 = f32x4.sub(v128.load(l, 32), largestOfRow);
  const l3 = f32x4.sub(v128.load(l, 48), largestOfRow);
  v128.store(l, l0);
  v128.store(l, l1, 16);
  v128.store(l, l2, 32);
  v128.store(l, l3, 48);
  v128.store(maxima, f32x4.mul(f32x4.pmax(f32x4.pmax(l0, l1), f32x4.pmax(l2, l3)), constant(SLOPES)));
}

/** The sum of e^l of every fourth logit of a group. */
@inline
function sumOfExp(l: usize): v128 {
  const e01 = f32x4.add(exp(v128.load(l)), exp(v128.load(l, 16)));
  return f32x4.add(e01, f32x4.add(exp(v128.load(l, 32)), exp(v128.load(l, 48))));
}

/** Where the logits of the group lie that begins with the given category. */
@inline
function groupOf(l: usize, first: u32, categories: u32): usize {
  return categories - first < 16 ? PADDED : l + <usize>first * 4;
}

/** 16 logits, of which the first `count` are those at l and the others -Infinity, to PADDED. */
function pad(l: usize, count: u32): void {
  for (let j: u32 = 0; j < 16; j++, l += 4) store<f32>(PADDED + <usize>j * 4, j < count ? load<f32>(l) : -Infinity);
}

/**
 * e^l for l in [-87, 0], from 0.3 % too small to 7 % too large, and e^-87 below: 128 (log2 e^l + 127) as an integer
 * under the leading bit of 2^23, moved to where a float has its exponent and the first bits of its fraction.
 */
@inline
function exp(l: v128): v128 {
  const least = f32x4.pmax(f32x4.splat(-87), l);
  const scaled = f32x4.mul(least, f32x4.splat(SLOPE / 65536));
  return i32x4.shl(f32x4.add(scaled, f32x4.splat(8388608 + 127 * 128)), 16);
}

/** log x of a normal x > 0, up to 0.06 too small: the bits of x, as in the test above. */
function log(x: f32): f32 {
  return (<f32>reinterpret<u32>(x) - 127 * 8388608) / SLOPE;
}

/** Sets bestIndex for one draw: NONE if no z is above `guess`. l: its row, less its largest logit. */
function searchDraw(l: usize, maxima: usize, categories: u32, guess: f32): void {
  best = guess;
  bestIndex = NONE;
  let limit = limitOf(best);
  for (let category: u32 = 0; category < categories; category += CHUNK) {
    const groups = (min(categories - category, CHUNK) + 15) >> 4;
    drawBits(BITS, category >> 2, groups);
    const end = listGroups(maxima + category, groups, limit);
    for (let at = LISTED; at < end; at += 4) {
      const group = load<u32>(at);
      const words = BITS + <usize>group * 64;
      const first = category + group * 16;
      const logits = groupOf(l, first, categories);
      if (isBehind(words, logits, limit)) continue;
      score(words, logits, first);
      limit = limitOf(best);
    }
  }
}

@inline
function limitOf(best: f32): v128 {
  return f32x4.splat(LIMIT - SLOPE * best);
}

/**
 * Lists at LISTED the groups that may have the largest z, and returns the end of the list: those where the smallest
 * word of every fourth category is not behind with their largest logit: six of 63. Like commonUniforms (kernel.ts) it
 * stores the index of every group, because branches would be mispredicted.
 */
function listGroups(maxima: usize, groups: u32, limit: v128): usize {
  let end = LISTED;
  let from = BITS;
  for (let group: u32 = 0; group < groups; group++, from += 64, maxima += 16) {
    const least = i32x4.min_u(
      i32x4.min_u(v128.load(from), v128.load(from, 16)),
      i32x4.min_u(v128.load(from, 32), v128.load(from, 48)),
    );
    store<u32>(end, group);
    end += <usize>!i32x4.all_true(behind(least, v128.load(maxima), limit)) * 4;
  }
  return end;
}

/** Whether no category of a group of 16 can have the largest z: each word with its own logit. */
function isBehind(from: usize, l: usize, limit: v128): bool {
  const slope = constant(SLOPES);
  const e0 = behind(v128.load(from), f32x4.mul(v128.load(l), slope), limit);
  const e1 = behind(v128.load(from, 16), f32x4.mul(v128.load(l, 16), slope), limit);
  const e2 = behind(v128.load(from, 32), f32x4.mul(v128.load(l, 32), slope), limit);
  const e3 = behind(v128.load(from, 48), f32x4.mul(v128.load(l, 48), slope), limit);
  return i32x4.all_true(v128.and(v128.and(e0, e1), v128.and(e2, e3)));
}

/**
 * The test above, of words b with logits times SLOPE. -Infinity + Infinity is NaN and gives false: nothing is left out
 * while best is -Infinity.
 */
@inline
function behind(b: v128, scaled: v128, limit: v128): v128 {
  const log2 = f32x4.convert_i32x4_s(f32x4.convert_i32x4_s(i32x4.shr_u(b, 1)));
  return f32x4.gt(log2, f32x4.add(scaled, limit));
}

/** z of a group of 16, the first of which is of the given category. Moves `best` if one is larger. */
function score(from: usize, l: usize, category: u32): void {
  for (let at: usize = 0; at < 64; at += 16) v128.store(UNIFORMS + at, uniform(v128.load(from + at)));
  for (let mask = rareMask(from); mask != 0; mask &= mask - 1) {
    const at = <usize>ctz(mask) * 4;
    store<f32>(UNIFORMS + at, rareValue(load<u32>(from + at), category + <u32>(at >> 2)));
  }
  const z0 = f32x4.add(v128.load(l), secondLog(firstLog(v128.load(UNIFORMS))));
  const z1 = f32x4.add(v128.load(l, 16), secondLog(firstLog(v128.load(UNIFORMS, 16))));
  const z2 = f32x4.add(v128.load(l, 32), secondLog(firstLog(v128.load(UNIFORMS, 32))));
  const z3 = f32x4.add(v128.load(l, 48), secondLog(firstLog(v128.load(UNIFORMS, 48))));
  v128.store(UNIFORMS, z0);
  v128.store(UNIFORMS, z1, 16);
  v128.store(UNIFORMS, z2, 32);
  v128.store(UNIFORMS, z3, 48);
  const most = largest(UNIFORMS, 16);
  if (most <= best) return;
  best = most;
  bestIndex = category + indexOf(UNIFORMS, 16, most);
}
