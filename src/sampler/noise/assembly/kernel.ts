// The noise kernel, called by noise.ts: the Gumbel noise of rows and samples, version philox4x32-10/1. philox.ts makes
// the words, gumbel.ts transforms them, rows.ts and softmax.ts use the noise, search.ts finds indices without most of
// it. This file has the order of the draws, the rare values and the partial groups.
//
// A chunk goes through four loops (words, uniforms and two logarithms) rather than one. Each loop has few enough
// constants and steps for V8 to keep them in registers, and for the processor to overlap iterations. A single loop was
// slower. Short draws share a chunk, each in a whole number of blocks.

import { RARE_BELOW, rareMask, rareValue, setDraw, setNextDraw } from './draws';
import { BITS, CHUNK, constant, LISTED, UNIFORMS } from './memory';
import { firstLog, rareUniform, secondLog, uniform } from './gumbel';
import { assignLanes, drawBits, drawLanes } from './philox';

export { setDraws } from './draws';
export { argmax, perturb } from './rows';
export { searchDraws } from './search';
export { exponents, normalize } from './softmax';

const RARE_BELOWS = memory.data<u32>([RARE_BELOW]);

/**
 * Draws of at most so many words share groups. Otherwise too many lanes of their last group would be unused.
 * Measured.
 */
const SHARED_MAX: u32 = 40;

/**
 * Writes g of each draw's categories to the floats at `to`, draw after draw, and nothing else there. draws, categories
 * >= 1.
 */
export function fillDraws(to: usize, draws: u32, categories: u32): void {
  const stride = (categories + 3) & ~3;
  if (stride > CHUNK / 2) {
    for (let draw: u32 = 0; draw < draws; draw++) {
      fillLongDraw(to, draw, categories);
      to += <usize>categories * 4;
    }
    return;
  }
  const drawsMax = CHUNK / stride;
  for (let draw: u32 = 0; draw < draws; draw += drawsMax) {
    const count = min(draws - draw, drawsMax);
    fillShortDraws(to, draw, count, categories, stride);
    to += <usize>(count * categories) * 4;
  }
}

/** One draw that shares no chunk. */
function fillLongDraw(to: usize, draw: u32, categories: u32): void {
  setDraw(draw);
  for (let category: u32 = 0; category < categories; category += CHUNK) {
    const count = min(categories - category, CHUNK);
    const groups = (count + 15) >> 4;
    drawBits(BITS, category >> 2, groups);
    firstHalf(groups, draw, category, CHUNK);
    write(to + <usize>category * 4, count);
  }
}

/** Draws that fit one chunk, stride words each. */
function fillShortDraws(to: usize, draw: u32, count: u32, categories: u32, stride: u32): void {
  if (stride <= SHARED_MAX) drawSharing(draw, count, stride);
  else drawApart(draw, count, stride);
  const groups = (count * stride + 15) >> 4;
  firstHalf(groups, draw, 0, stride);
  if (stride == categories || count == 1) {
    write(to, count * categories);
  } else {
    secondLogs(UNIFORMS, UNIFORMS, groups);
    writeEach(to, count, categories, stride);
  }
}

/** Words of draws that share groups. */
function drawSharing(draw: u32, count: u32, stride: u32): void {
  const blocks = stride >> 2;
  const lanes = count * blocks;
  setDraw(draw);
  for (let lane: u32 = 0; lane < lanes; lane += blocks) {
    assignLanes(lane, blocks);
    setNextDraw();
  }
  drawLanes(BITS, (lanes + 3) >> 2);
}

/**
 * Words of draws, each of which begins a group. The last group of each is written whole, and the next draw overwrites
 * the surplus.
 */
function drawApart(draw: u32, count: u32, stride: u32): void {
  const groups = (stride + 15) >> 4;
  const end = BITS + <usize>(count * stride) * 4;
  setDraw(draw);
  for (let to = BITS; to < end; to += <usize>stride * 4) {
    drawBits(to, 0, groups);
    setNextDraw();
  }
}

/**
 * t of whole groups of words, in UNIFORMS. The first word is the given draw's and category's; each draw has stride
 * words.
 */
function firstHalf(groups: u32, draw: u32, category: u32, stride: u32): void {
  drawUniforms(groups, draw, category, stride);
  firstLogs(groups);
}

/** g of so many t to the floats at `to`, all but the last, partial group directly. */
function write(to: usize, count: u32): void {
  const whole = count >> 4;
  if (whole > 0) secondLogs(to, UNIFORMS, whole);
  if ((count & 15) != 0) {
    const last = UNIFORMS + <usize>whole * 64;
    secondLogs(last, last, 1);
    copy(to + <usize>whole * 64, last, count & 15);
  }
}

/**
 * Copies g of each draw's categories from UNIFORMS. In whole vectors while these stay within the draws; the next draw
 * overwrites the surplus.
 */
function writeEach(to: usize, count: u32, categories: u32, stride: u32): void {
  const bytes = <usize>categories * 4;
  const strideBytes = <usize>stride * 4;
  const end = to + <usize>count * bytes;
  let from = UNIFORMS;
  for (; to + strideBytes <= end; to += bytes) {
    const next = from + strideBytes;
    let at = to;
    do {
      v128.store(at, v128.load(from));
      at += 16;
      from += 16;
    } while (from < next);
  }
  for (; to < end; to += bytes, from += strideBytes) copy(to, from, categories);
}

/** v of whole groups of words, from BITS to UNIFORMS. */
function drawUniforms(groups: u32, draw: u32, category: u32, stride: u32): void {
  const rareEnd = commonUniforms(groups);
  if (rareEnd > LISTED) replaceRare(rareEnd, draw, category, stride);
}

/**
 * v of whole groups from BITS to UNIFORMS, right unless rare. Lists at LISTED the indices of the groups that hold a
 * rare value, and returns the end of the list. The index of every group is stored, and the end moves only past those
 * with a rare value: a branch would be mispredicted for 6 groups in 100.
 */
function commonUniforms(groups: u32): usize {
  let rareEnd = LISTED;
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
    rareEnd += <usize>v128.any_true(i32x4.lt_u(least, constant(RARE_BELOWS))) * 4;
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

/** Overwrites the rare v of the listed groups, at least one. Includes the unused v of padded draws. */
function replaceRare(rareEnd: usize, draw: u32, category: u32, stride: u32): void {
  let at = LISTED;
  do {
    const group = load<u32>(at) * 16;
    let mask = rareMask(BITS + <usize>group * 4);
    do {
      const j = group + ctz(mask);
      setDraw(draw + j / stride);
      const v = rareValue(load<u32>(BITS + <usize>j * 4), category + (j % stride));
      store<f32>(UNIFORMS + <usize>j * 4, v);
      mask &= mask - 1;
    } while (mask != 0);
    at += 4;
  } while (at < rareEnd);
}

/**
 * t = -log1p(-v) of whole groups, in place. All loads come before all stores, so that V8 interleaves four chains of
 * operations.
 */
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

function copy(to: usize, from: usize, count: u32): void {
  const end = to + <usize>count * 4;
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.load(from));
  for (; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from));
}

/** For tests: 16 words of draw 0, from the category on, a multiple of 16. Returns where they lie. */
export function bits(category: u32): usize {
  setDraw(0);
  drawBits(BITS, category >> 2, 1);
  return BITS;
}

/** For tests: 16 uniforms v of draw 0, from the category on, a multiple of 16. Returns where they lie. */
export function uniforms(category: u32): usize {
  bits(category);
  drawUniforms(1, 0, category, CHUNK);
  return UNIFORMS;
}

/** For tests: g of a first word b and, where b is rare, a second word r. */
export function gumbelFromBits(b: u32, r: u32): f32 {
  const v = b < RARE_BELOW ? f32x4.splat(rareUniform(b, r)) : uniform(i32x4.splat(b));
  return f32x4.extract_lane(secondLog(firstLog(v)), 0);
}
