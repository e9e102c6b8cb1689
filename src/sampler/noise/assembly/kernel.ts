// The noise kernel: what noise.ts calls. Draws the Gumbel noise of one row and sample, version philox4x32-10/1.
// Words come from philox.ts, their transform from gumbel.ts; this file keeps the order, the rare values and the last, partial group.
//
// A chunk goes through four loops, words, uniforms and two logarithms, rather than one: each has few enough constants and steps that
// V8 keeps them in registers and the processor overlaps iterations. One loop for all took 0.3 ns more an element.

import { BITS, CHUNK, RARE, UNIFORMS } from './memory';
import { firstLog, rareUniform, secondLog, uniform } from './gumbel';
import { drawBits, setCall, word } from './philox';

export { setCall };

/** A word below this is rare: once in 256. Its value takes the low bits from a second word. */
const RARE_BELOW: u32 = 1 << 24;

/** Writes g of the categories 0 .. categories - 1 to the floats at `to`, and nothing else there. categories >= 1. */
export function fill(to: usize, categories: u32, row: u32, sample: u32, seedLow: u32, seedHigh: u32): void {
  setCall(row, sample, seedLow, seedHigh);
  for (let category: u32 = 0; category < categories; category += CHUNK) {
    fillChunk(to + <usize>category * 4, category, min(categories - category, CHUNK));
  }
}

/** At most CHUNK categories from the given one, a multiple of 16. Whole groups but for the last, which is copied in part. */
function fillChunk(to: usize, category: u32, count: u32): void {
  const groups = (count + 15) >> 4;
  drawUniforms(category, groups);
  firstLogs(groups);
  const whole = count >> 4;
  if (whole > 0) secondLogs(to, UNIFORMS, whole);
  if (whole < groups) {
    const last = UNIFORMS + <usize>whole * 64;
    secondLogs(last, last, 1);
    copy(to + <usize>whole * 64, last, count & 15);
  }
}

/** v of whole groups to UNIFORMS, and their first words to BITS. */
function drawUniforms(category: u32, groups: u32): void {
  drawBits(BITS, category >> 2, groups);
  const rareEnd = commonUniforms(groups);
  if (rareEnd > RARE) replaceRare(category, rareEnd);
}

/**
 * v of whole groups from BITS to UNIFORMS, right unless rare. Lists at RARE the groups that hold a rare value and returns the list's
 * end. Each group's number is stored, and kept or not by moving the end: a branch would be mispredicted 6 times in 100.
 */
function commonUniforms(groups: u32): usize {
  let rareEnd = RARE;
  let from = BITS;
  let to = UNIFORMS;
  let group: u32 = 0;
  do {
    const b0 = v128.load(from);
    const b1 = v128.load(from, 16);
    const b2 = v128.load(from, 32);
    const b3 = v128.load(from, 48);
    const least = i32x4.min_u(i32x4.min_u(b0, b1), i32x4.min_u(b2, b3));
    store<u32>(rareEnd, group);
    rareEnd += <usize>v128.any_true(i32x4.lt_u(least, i32x4.splat(RARE_BELOW))) * 4;
    v128.store(to, uniform(b0));
    v128.store(to, uniform(b1), 16);
    v128.store(to, uniform(b2), 32);
    v128.store(to, uniform(b3), 48);
    from += 64;
    to += 64;
    group++;
  } while (group < groups);
  return rareEnd;
}

/** Overwrites the rare v of the listed groups, at least one; category is that of the first group. */
function replaceRare(category: u32, rareEnd: usize): void {
  let at = RARE;
  do {
    const group = load<u32>(at) * 16;
    let mask = rareMask(BITS + <usize>group * 4);
    do {
      const j = group + ctz(mask);
      const v = rareUniform(load<u32>(BITS + <usize>j * 4), word(category + j, 1));
      store<f32>(UNIFORMS + <usize>j * 4, v);
      mask &= mask - 1;
    } while (mask != 0);
    at += 4;
  } while (at < rareEnd);
}

/** t = -log1p(-v) of whole groups, in place. All loads come before all stores, so that V8 interleaves four chains of operations. */
function firstLogs(groups: u32): void {
  let at = UNIFORMS;
  const end = at + <usize>groups * 64;
  do {
    const t0 = firstLog(v128.load(at));
    const t1 = firstLog(v128.load(at, 16));
    const t2 = firstLog(v128.load(at, 32));
    const t3 = firstLog(v128.load(at, 48));
    v128.store(at, t0);
    v128.store(at, t1, 16);
    v128.store(at, t2, 32);
    v128.store(at, t3, 48);
    at += 64;
  } while (at < end);
}

/** g = -log(t) of whole groups. Interleaved like firstLogs. */
function secondLogs(to: usize, from: usize, groups: u32): void {
  const end = to + <usize>groups * 64;
  do {
    const g0 = secondLog(v128.load(from));
    const g1 = secondLog(v128.load(from, 16));
    const g2 = secondLog(v128.load(from, 32));
    const g3 = secondLog(v128.load(from, 48));
    v128.store(to, g0);
    v128.store(to, g1, 16);
    v128.store(to, g2, 32);
    v128.store(to, g3, 48);
    from += 64;
    to += 64;
  } while (to < end);
}

/** Bit j is set where word j of the group is rare. */
function rareMask(from: usize): u32 {
  let mask: u32 = 0;
  for (let j: u32 = 0; j < 16; j += 4) {
    mask |= <u32>i32x4.bitmask(i32x4.lt_u(v128.load(from + <usize>j * 4), i32x4.splat(RARE_BELOW))) << j;
  }
  return mask;
}

function copy(to: usize, from: usize, count: u32): void {
  const end = to + <usize>count * 4;
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.load(from));
  for (; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from));
}

/** For tests: 16 words of the call set last, from the category on, a multiple of 16. Returns where they lie. */
export function bits(category: u32): usize {
  drawBits(BITS, category >> 2, 1);
  return BITS;
}

/** For tests: 16 uniforms v of the call set last, from the category on, a multiple of 16. Returns where they lie. */
export function uniforms(category: u32): usize {
  drawUniforms(category, 1);
  return UNIFORMS;
}

/** For tests: g of a first word b and, where b is rare, a second word r. */
export function gumbelFromBits(b: u32, r: u32): f32 {
  const v = b < RARE_BELOW ? f32x4.splat(rareUniform(b, r)) : uniform(i32x4.splat(b));
  return f32x4.extract_lane(secondLog(firstLog(v)), 0);
}
