// The noise kernel: what noise.ts calls. Draws the Gumbel noise of one row and sample, version philox4x32-10/1.
// Bits come from philox.ts, their transform from gumbel.ts; this file keeps the order, the rare values and the last, partial group.

import { BITS, CHUNK, RARE, TAIL } from './memory';
import { gumbel, rareGumbel, rareUniform, uniform } from './gumbel';
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

/** At most CHUNK categories: all words, then all values as if none were rare, then the rare ones once more. */
function fillChunk(to: usize, category: u32, count: u32): void {
  const whole = count >> 4;
  const rest = count & 15;
  drawBits(BITS, category >> 2, (count + 15) >> 4);
  let rareEnd = RARE;
  if (whole > 0) rareEnd = transform(to, 0, whole, rareEnd);
  if (rest > 0) {
    rareEnd = transform(TAIL, whole, 1, rareEnd);
    copy(to + <usize>whole * 64, TAIL, rest);
  }
  if (rareEnd > RARE) replaceRare(to, category, count, rareEnd);
}

/**
 * Values of the groups first, first + 1, ... of BITS, right unless rare. Appends the groups with a rare value to the list that ends at
 * rareEnd and returns its new end. Each group's number is stored, and kept or not by moving the end: a branch would be mispredicted
 * 6 times in 100.
 */
function transform(to: usize, first: u32, groups: u32, rareEnd: usize): usize {
  let from = BITS + <usize>first * 64;
  let group = first;
  const end = first + groups;
  // All four loads come before all four stores, so that V8 interleaves four independent chains of operations.
  do {
    const b0 = v128.load(from);
    const b1 = v128.load(from, 16);
    const b2 = v128.load(from, 32);
    const b3 = v128.load(from, 48);
    const least = i32x4.min_u(i32x4.min_u(b0, b1), i32x4.min_u(b2, b3));
    store<u32>(rareEnd, group);
    rareEnd += <usize>v128.any_true(i32x4.lt_u(least, i32x4.splat(RARE_BELOW))) * 4;
    const g0 = gumbel(uniform(b0));
    const g1 = gumbel(uniform(b1));
    const g2 = gumbel(uniform(b2));
    const g3 = gumbel(uniform(b3));
    v128.store(to, g0);
    v128.store(to, g1, 16);
    v128.store(to, g2, 32);
    v128.store(to, g3, 48);
    from += 64;
    to += 64;
    group++;
  } while (group < end);
  return rareEnd;
}

/** Overwrites the rare values of the listed groups, which are at least one. The tail's list may name values past count. */
function replaceRare(to: usize, category: u32, count: u32, rareEnd: usize): void {
  let at = RARE;
  do {
    const group = load<u32>(at) * 16;
    let mask = rareMask(BITS + <usize>group * 4);
    do {
      const j = group + ctz(mask);
      if (j < count) {
        const v = rareUniform(load<u32>(BITS + <usize>j * 4), word(category + j, 1));
        store<f32>(to + <usize>j * 4, rareGumbel(v));
      }
      mask &= mask - 1;
    } while (mask != 0);
    at += 4;
  } while (at < rareEnd);
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
  drawBits(BITS, category >> 2, 1);
  for (let j: u32 = 0; j < 16; j += 4) v128.store(TAIL + <usize>j * 4, uniform(v128.load(BITS + <usize>j * 4)));
  for (let mask = rareMask(BITS); mask != 0; mask &= mask - 1) {
    const j = ctz(mask);
    store<f32>(TAIL + <usize>j * 4, rareUniform(load<u32>(BITS + <usize>j * 4), word(category + j, 1)));
  }
  return TAIL;
}

/** For tests: g of a first word b and, where b is rare, a second word r. */
export function gumbelFromBits(b: u32, r: u32): f32 {
  if (b < RARE_BELOW) return rareGumbel(rareUniform(b, r));
  return f32x4.extract_lane(gumbel(uniform(i32x4.splat(b))), 0);
}
