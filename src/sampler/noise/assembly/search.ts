// The index of the largest z = l + g of each draw, without the two logarithms of most categories. The index is that of
// argmax, bit for bit: of the categories that are left out it is proved that their z is below the best so far.
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

import { rareMask, rareValue, setDraw, setNextDraw } from './draws';
import { firstLog, secondLog, uniform } from './gumbel';
import { BITS, CHUNK, constant, PADDED, UNIFORMS } from './memory';
import { drawBits } from './philox';
import { center, indexOf, largest } from './rows';

/** In powers of two. */
const MARGIN: f64 = 0.001;

/** 2^23 / log 2 */
const SLOPE: f32 = 12102203;
const SLOPES = memory.data<f32>([SLOPE]);

/** limit without the best z. */
const LIMIT: f32 = <f32>(8388608 * (127 + 31 + MARGIN));

/** The largest z of the draw so far, and its index. */
let best: f32 = 0;
let bestIndex: u32 = 0;

/**
 * Writes the index of each draw to the words at `to`, the lowest on a tie. Draw d takes row d % rowCount of the logits,
 * of which at least one is finite, and leaves l - max l in it. draws, categories, rowCount >= 1.
 */
export function searchDraws(to: usize, logits: usize, draws: u32, categories: u32, rowCount: u32): void {
  center(logits, min(draws, rowCount), categories);
  setDraw(0);
  let row = logits;
  for (const end = to + <usize>draws * 4; to < end; to += 4) {
    searchDraw(row, categories);
    store<u32>(to, bestIndex);
    row = setNextDraw() ? logits : row + <usize>categories * 4;
  }
}

/** Sets bestIndex for one draw. l: its row, less its largest logit. */
function searchDraw(l: usize, categories: u32): void {
  best = -Infinity;
  bestIndex = 0;
  let limit = f32x4.splat(Infinity);
  for (let category: u32 = 0; category < categories; category += CHUNK) {
    const count = min(categories - category, CHUNK);
    drawBits(BITS, category >> 2, (count + 15) >> 4);
    let from = BITS;
    for (const end = from + <usize>(count >> 4) * 64; from < end; from += 64, l += 64) {
      if (isBehind(from, l, limit)) continue;
      score(from, l, category + <u32>((from - BITS) >> 2));
      limit = f32x4.splat(LIMIT - SLOPE * best);
    }
    const rest = count & 15;
    if (rest == 0) continue;
    pad(l, rest);
    if (!isBehind(from, PADDED, limit)) score(from, PADDED, category + (count & ~15));
  }
}

/** 16 logits, of which the first `count` are those at l and the others -Infinity, to PADDED. */
function pad(l: usize, count: u32): void {
  for (let j: u32 = 0; j < 16; j++, l += 4) store<f32>(PADDED + <usize>j * 4, j < count ? load<f32>(l) : -Infinity);
}

/**
 * Whether no category of a group of 16 can have the largest z. First the smallest word of every fourth category with
 * their largest logit, which settles most groups at a third of the time, then each word with its own.
 */
@inline
function isBehind(from: usize, l: usize, limit: v128): bool {
  const b0 = v128.load(from);
  const b1 = v128.load(from, 16);
  const b2 = v128.load(from, 32);
  const b3 = v128.load(from, 48);
  const l0 = v128.load(l);
  const l1 = v128.load(l, 16);
  const l2 = v128.load(l, 32);
  const l3 = v128.load(l, 48);
  const least = i32x4.min_u(i32x4.min_u(b0, b1), i32x4.min_u(b2, b3));
  const most = f32x4.pmax(f32x4.pmax(l0, l1), f32x4.pmax(l2, l3));
  if (i32x4.all_true(behind(least, most, limit))) return true;
  const low = v128.and(behind(b0, l0, limit), behind(b1, l1, limit));
  return i32x4.all_true(v128.and(low, v128.and(behind(b2, l2, limit), behind(b3, l3, limit))));
}

/** The test above. -Infinity + Infinity is NaN and gives false: nothing is left out while no z is finite. */
@inline
function behind(b: v128, l: v128, limit: v128): v128 {
  const log = f32x4.convert_i32x4_s(f32x4.convert_i32x4_s(i32x4.shr_u(b, 1)));
  return f32x4.gt(log, f32x4.add(f32x4.mul(l, constant(SLOPES)), limit));
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
