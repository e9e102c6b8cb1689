// The noise kernel: what noise.ts calls. Draws the Gumbel noise of one row and sample, version philox4x32-10/1.
// Bits come from philox.ts, their transform from gumbel.ts; this file keeps the order, the rare values and the last, partial group.

import { BITS, CHUNK_GROUPS_MAX, RARE, TAIL } from './memory';
import { gumbel, rareGumbel, rareUniform, uniform } from './gumbel';
import { drawBits, setCall, word } from './philox';

export { setCall };

/** A word below this is rare: once in 256. Its value takes the low bits from a second word. */
const RARE_BELOW: u32 = 1 << 24;

/** Writes g of the categories 0 .. categories - 1 to the floats at `to`, and nothing else there. categories >= 1. */
export function fill(to: usize, categories: u32, row: u32, sample: u32, seedLow: u32, seedHigh: u32): void {
  setCall(row, sample, seedLow, seedHigh);
  let groups = categories >> 4;
  let category: u32 = 0;
  while (groups > 0) {
    const some = min(groups, CHUNK_GROUPS_MAX);
    drawGroups(to, category, some);
    groups -= some;
    category += some * 16;
    to += <usize>some * 64;
  }
  if (category < categories) {
    drawGroups(TAIL, category, 1);
    copy(to, TAIL, categories - category);
  }
}

/** At most CHUNK_GROUPS_MAX whole groups: all words, then all values as if none were rare, then the rare ones once more. */
function drawGroups(to: usize, category: u32, groups: u32): void {
  drawBits(BITS, category >> 2, groups);
  const rareEnd = transform(to, groups);
  for (let at = RARE; at < rareEnd; at += 4) {
    const group = load<u32>(at);
    const firstBits = BITS + <usize>group * 64;
    const firstTo = to + <usize>group * 64;
    for (let mask = rareMask(firstBits); mask != 0; mask &= mask - 1) {
      const j = ctz(mask);
      const v = rareUniform(load<u32>(firstBits + <usize>j * 4), word(category + group * 16 + j, 1));
      store<f32>(firstTo + <usize>j * 4, rareGumbel(v));
    }
  }
}

/**
 * Values of whole groups from BITS, right unless rare. Lists the groups with a rare value at RARE and returns the list's end.
 * Each group's number is stored and kept or not by moving the end: a branch would be mispredicted 6 times in 100.
 */
function transform(to: usize, groups: u32): usize {
  let rareEnd = RARE;
  let from = BITS;
  let group: u32 = 0;
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
  } while (group < groups);
  return rareEnd;
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
