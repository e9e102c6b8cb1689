// Philox4x32-10: 32-bit words from (seed, row, sample, category) with a counter and no state. Source: Salmon, Moraes,
// Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"; rounds and constants as in Random123.
// gumbel.ts transforms the words.
//
// Key (seedLow, seedHigh); counter [c0, c1, c2, c3] = [category >> 2, sample, row, stage]; word (category & 3) of the
// output. One round:
//
//     c0' = high(M1 c2) ^ c1 ^ k0      c1' = low(M1 c2)      c2' = high(M0 c0) ^ c3 ^ k1      c3' = low(M0 c0)
//
// after which k0 += W0 and k1 += W1. Ten rounds.

import { constant, LANE_BYTES, LANES } from './memory';

const M0: u32 = 0xd2511f53;
const M1: u32 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9;
const W1: u32 = 0xbb67ae85;

/** The same for vectors. */
const M0S = memory.data<u32>([M0]);
const M1S = memory.data<u32>([M1]);
const W0S = memory.data<u32>([W0]);
const W1S = memory.data<u32>([W1]);
const LOW_HALVES = memory.data<u64>([0xffffffff]);

let row: u32 = 0;
let sample: u32 = 0;
let seedLow: u32 = 0;
let seedHigh: u32 = 0;
let stage: u32 = 0;

/** Sets the stage of the words of drawBits and drawLanes, until the next call. */
export function setStage(newStage: u32): void {
  stage = newStage;
}

/** Sets the seed, row and sample of all words that follow, until the next call. */
export function setCall(newRow: u32, newSample: u32, newSeedLow: u32, newSeedHigh: u32): void {
  row = newRow;
  sample = newSample;
  seedLow = newSeedLow;
  seedHigh = newSeedHigh;
}

/**
 * One word of one block of the call set last, for any c3. The same bits as the vectors below give for c3 = stage. Used
 * for the second word of rare values.
 */
export function word(category: u32, c3: u32): u32 {
  let c0 = category >> 2;
  let c1 = sample;
  let c2 = row;
  let k0 = seedLow;
  let k1 = seedHigh;
  for (let round = 0; round < 10; round++) {
    const product0 = <u64>M0 * <u64>c0;
    const product1 = <u64>M1 * <u64>c2;
    c0 = <u32>(product1 >> 32) ^ c1 ^ k0;
    c1 = <u32>product1;
    c2 = <u32>(product0 >> 32) ^ c3 ^ k1;
    c3 = <u32>product0;
    k0 += W0;
    k1 += W1;
  }
  const odd = (category & 1) != 0;
  return select<u32>(select<u32>(c3, c2, odd), select<u32>(c1, c0, odd), (category & 2) != 0);
}

/**
 * Words of whole groups of the call and stage set last, in the order of the categories: 16 words from 4 blocks a group,
 * block numbers block, block + 1, ... They stay below 2^30, so multiples of M0 are carried on by 64-bit additions.
 */
export function drawBits(to: usize, block: u32, groups: u32): void {
  const b1 = i32x4.splat(firstKey2());
  const k0 = i32x4.splat(thirdKey0());
  const k1 = i32x4.splat(fourthKey1());
  const x0 = firstMixed();
  const a0 = i32x4.splat(secondKey0());
  const a2 = i32x4.splat(secondKey2(x0));
  const b2 = i32x4.splat(thirdKey2(x0));
  const m0 = constant(M0S);
  const m1 = constant(M1S);
  const w0 = constant(W0S);
  const w1 = constant(W1S);
  const lowHalves = v128.load64_splat(LOW_HALVES);
  const group = i64x2.splat(4 * <u64>M0);
  const twoGroups = i64x2.splat(8 * <u64>M0);
  const end = to + <usize>groups * 64;
  let products01 = i64x2.replace_lane(i64x2.splat(<u64>M0 * <u64>block), 1, <u64>M0 * (<u64>block + 1));
  let products23 = i64x2.add(products01, i64x2.splat(2 * <u64>M0));
  const pairsEnd = end - 64;
  if (to < pairsEnd) {
    // A loop that runs at least once, because only then does V8 keep the constants out of it.
    do {
      drawTwoGroups(
        to, products01, products23, i64x2.add(products01, group), i64x2.add(products23, group),
        b1, k0, k1, a0, a2, b2, m0, m1, w0, w1, lowHalves,
      );
      products01 = i64x2.add(products01, twoGroups);
      products23 = i64x2.add(products23, twoGroups);
      to += 128;
    } while (to < pairsEnd);
  }
  if (to < end) drawGroup(to, products01, products23, b1, k0, k1, a0, a2, b2, m0, m1, w0, w1, lowHalves);
}

/**
 * Gives the lanes from the given one to the blocks of the call set last. Writes up to 3 lanes more, which the next draw
 * overwrites.
 */
export function assignLanes(lane: u32, blocks: u32): void {
  const k0 = i32x4.splat(thirdKey0());
  const k1 = i32x4.splat(fourthKey1());
  const x0 = firstMixed();
  const a0 = i32x4.splat(secondKey0());
  const a2 = i32x4.splat(secondKey2(x0));
  const b2 = i32x4.splat(thirdKey2(x0));
  let block = i32x4(0, 1, 2, 3);
  let at = LANES + <usize>lane * 4;
  const end = at + <usize>blocks * 4;
  do {
    v128.store(at, block);
    v128.store(at, k0, LANE_BYTES);
    v128.store(at, k1, 2 * LANE_BYTES);
    v128.store(at, a0, 3 * LANE_BYTES);
    v128.store(at, a2, 4 * LANE_BYTES);
    v128.store(at, b2, 5 * LANE_BYTES);
    block = i32x4.add(block, i32x4.splat(4));
    at += 16;
  } while (at < end);
}

/** Words of whole groups from the blocks that have lanes: draws may meet in a group. */
export function drawLanes(to: usize, groups: u32): void {
  // The stage is that of the whole call, so firstKey2 takes no field of the lanes: it follows from fourthKey1.
  const stages = i32x4.splat(stage);
  const w3 = i32x4.splat(3 * W1);
  const m0 = constant(M0S);
  const m1 = constant(M1S);
  const w0 = constant(W0S);
  const w1 = constant(W1S);
  const lowHalves = v128.load64_splat(LOW_HALVES);
  const end = to + <usize>groups * 64;
  let at = LANES;
  do {
    const block = v128.load(at);
    const k0 = v128.load(at, LANE_BYTES);
    const k1 = v128.load(at, 2 * LANE_BYTES);
    const a0 = v128.load(at, 3 * LANE_BYTES);
    const a2 = v128.load(at, 4 * LANE_BYTES);
    const b2 = v128.load(at, 5 * LANE_BYTES);
    const b1 = v128.xor(i32x4.sub(k1, w3), stages);
    drawGroup(to, multiply01(block, m0), multiply23(block, m0), b1, k0, k1, a0, a2, b2, m0, m1, w0, w1, lowHalves);
    at += 16;
    to += 64;
  } while (to < end);
}

// Only c0 differs between the blocks of a draw, so half of the first three rounds is the same for all of them and is
// done once: c0 of round 1, and what is combined with c0 and c2 of round 2 and with c2 of round 3.

/** c3 ^ k1 of round 1. */
@inline
function firstKey2(): u32 {
  return stage ^ seedHigh;
}

/** k0 of round 3, the first that is not part of a value above or below. */
@inline
function thirdKey0(): u32 {
  return seedLow + 2 * W0;
}

/** k1 of round 4, likewise. */
@inline
function fourthKey1(): u32 {
  return seedHigh + 3 * W1;
}

/** c0 after round 1: high(M1 c2) ^ c1 ^ k0. */
@inline
function firstMixed(): u32 {
  return <u32>((<u64>M1 * <u64>row) >> 32) ^ sample ^ seedLow;
}

/** c1 ^ k0 of round 2. */
@inline
function secondKey0(): u32 {
  return M1 * row ^ (seedLow + W0);
}

/** high(M0 c0) ^ k1 of round 2, from c0. */
@inline
function secondKey2(c0: u32): u32 {
  return <u32>((<u64>M0 * <u64>c0) >> 32) ^ (seedHigh + W1);
}

/** c3 ^ k1 of round 3, from c0 of round 2. */
@inline
function thirdKey2(c0: u32): u32 {
  return M0 * c0 ^ (seedHigh + 2 * W1);
}

/** 64-bit products of the lanes 0 and 1 with m. */
@inline
function multiply01(x: v128, m: v128): v128 {
  return i64x2.extmul_low_i32x4_u(x, m);
}

/** 64-bit products of the lanes 2 and 3 with m. */
@inline
function multiply23(x: v128, m: v128): v128 {
  return i64x2.extmul_high_i32x4_u(x, m);
}

/** High halves of four products: one shuffle. */
@inline
function high(products01: v128, products23: v128): v128 {
  return v128.shuffle<i32>(products01, products23, 1, 3, 5, 7);
}

/** high(m x) ^ y: half of a round in four lanes. */
@inline
function mix(x: v128, m: v128, y: v128): v128 {
  return v128.xor(high(multiply01(x, m), multiply23(x, m)), y);
}

/** low(m x) of a round. A multiplication of its own, because the shuffles are what limits this loop. */
@inline
function low(x: v128, m: v128): v128 {
  return i32x4.mul(x, m);
}

/**
 * 16 words from four blocks, one block a lane until the last round. products01 and products23 are M0 times the block
 * numbers; b1, k0, k1, a0, a2 and b2 are firstKey2, thirdKey0, fourthKey1, secondKey0, secondKey2 and thirdKey2. No
 * loads here: they would have to wait for the stores of the group before.
 */
@inline
function drawGroup(
  to: usize, products01: v128, products23: v128, b1: v128, k0: v128, k1: v128, a0: v128, a2: v128, b2: v128,
  m0: v128, m1: v128, w0: v128, w1: v128, lowHalves: v128,
): void {
  // Rounds 1 to 3, as far as they differ between blocks.
  let x2 = v128.xor(high(products01, products23), b1);
  let x3 = v128.shuffle<i32>(products01, products23, 0, 2, 4, 6);
  let x0 = mix(x2, m1, a0);
  let x1 = low(x2, m1);
  x2 = v128.xor(x3, a2);
  const y0 = mix(x2, m1, v128.xor(x1, k0));
  x1 = low(x2, m1);
  x2 = mix(x0, m0, b2);
  x3 = low(x0, m0);
  x0 = y0;
  k0 = i32x4.add(k0, w0);
  for (let round = 4; round <= 8; round++) {
    const y0 = mix(x2, m1, v128.xor(x1, k0));
    x1 = low(x2, m1);
    x2 = mix(x0, m0, v128.xor(x3, k1));
    x3 = low(x0, m0);
    x0 = y0;
    k0 = i32x4.add(k0, w0);
    k1 = i32x4.add(k1, w1);
  }
  lastRounds(to, x0, x1, x2, x3, k0, k1, m0, m1, w0, w1, lowHalves);
}

/**
 * drawGroup for two groups, step by step, because the steps of one wait for each other. V8 mixes the steps of two calls
 * by itself up to Node.js 22, and keeps the order of the source from Node.js 24 on: docs/benchmarks.md, Behind the
 * decisions.
 */
@inline
function drawTwoGroups(
  to: usize, p01: v128, p23: v128, q01: v128, q23: v128, b1: v128, k0: v128, k1: v128, a0: v128, a2: v128, b2: v128,
  m0: v128, m1: v128, w0: v128, w1: v128, lowHalves: v128,
): void {
  // Rounds 1 to 3, as far as they differ between blocks. p: the first group, q: the second.
  let p2 = v128.xor(high(p01, p23), b1);
  let q2 = v128.xor(high(q01, q23), b1);
  let p3 = v128.shuffle<i32>(p01, p23, 0, 2, 4, 6);
  let q3 = v128.shuffle<i32>(q01, q23, 0, 2, 4, 6);
  let p0 = mix(p2, m1, a0);
  let q0 = mix(q2, m1, a0);
  let p1 = low(p2, m1);
  let q1 = low(q2, m1);
  p2 = v128.xor(p3, a2);
  q2 = v128.xor(q3, a2);
  const r0 = mix(p2, m1, v128.xor(p1, k0));
  const s0 = mix(q2, m1, v128.xor(q1, k0));
  p1 = low(p2, m1);
  q1 = low(q2, m1);
  p2 = mix(p0, m0, b2);
  q2 = mix(q0, m0, b2);
  p3 = low(p0, m0);
  q3 = low(q0, m0);
  p0 = r0;
  q0 = s0;
  k0 = i32x4.add(k0, w0);
  for (let round = 4; round <= 8; round++) {
    const r0 = mix(p2, m1, v128.xor(p1, k0));
    const s0 = mix(q2, m1, v128.xor(q1, k0));
    p1 = low(p2, m1);
    q1 = low(q2, m1);
    p2 = mix(p0, m0, v128.xor(p3, k1));
    q2 = mix(q0, m0, v128.xor(q3, k1));
    p3 = low(p0, m0);
    q3 = low(q0, m0);
    p0 = r0;
    q0 = s0;
    k0 = i32x4.add(k0, w0);
    k1 = i32x4.add(k1, w1);
  }
  lastRounds(to, p0, p1, p2, p3, k0, k1, m0, m1, w0, w1, lowHalves);
  lastRounds(to + 64, q0, q1, q2, q3, k0, k1, m0, m1, w0, w1, lowHalves);
}

/**
 * Round 9 keeps its products, and round 10 combines them: a transposition to the order of the categories comes with the
 * shuffles.
 */
@inline
function lastRounds(
  to: usize, x0: v128, x1: v128, x2: v128, x3: v128, k0: v128, k1: v128,
  m0: v128, m1: v128, w0: v128, w1: v128, lowHalves: v128,
): void {
  const p01 = multiply01(x0, m0);
  const p23 = multiply23(x0, m0);
  const q01 = multiply01(x2, m1);
  const q23 = multiply23(x2, m1);
  const v0 = v128.xor(high(q01, q23), v128.xor(x1, k0));
  const v2 = v128.xor(high(p01, p23), v128.xor(x3, k1));
  const r01 = multiply01(v0, m0);
  const r23 = multiply23(v0, m0);
  const s01 = multiply01(v2, m1);
  const s23 = multiply23(v2, m1);
  // The low halves of round 9's products are c1 and c3 of round 10; they take its keys here, and lose their high halves
  // in finish.
  k0 = i32x4.add(k0, w0);
  k1 = i32x4.add(k1, w1);
  const c1s01 = v128.xor(q01, i64x2.extend_low_i32x4_u(k0));
  const c1s23 = v128.xor(q23, i64x2.extend_high_i32x4_u(k0));
  const c3s01 = v128.xor(p01, i64x2.extend_low_i32x4_u(k1));
  const c3s23 = v128.xor(p23, i64x2.extend_high_i32x4_u(k1));
  v128.store(to, finish(v128.shuffle<i32>(s01, r01, 1, 0, 5, 4), v128.shuffle<i64>(c1s01, c3s01, 0, 2), lowHalves));
  v128.store(to, finish(v128.shuffle<i32>(s01, r01, 3, 2, 7, 6), v128.shuffle<i64>(c1s01, c3s01, 1, 3), lowHalves), 16);
  v128.store(to, finish(v128.shuffle<i32>(s23, r23, 1, 0, 5, 4), v128.shuffle<i64>(c1s23, c3s23, 0, 2), lowHalves), 32);
  v128.store(to, finish(v128.shuffle<i32>(s23, r23, 3, 2, 7, 6), v128.shuffle<i64>(c1s23, c3s23, 1, 3), lowHalves), 48);
}

/**
 * The four words of one block. products10 = (high(M1 c2), low(M1 c2), high(M0 c0), low(M0 c0)) of round 10; the even
 * lanes of keyed are c1 ^ k0 and c3 ^ k1, which are combined with the high halves only.
 */
@inline
function finish(products10: v128, keyed: v128, lowHalves: v128): v128 {
  return v128.xor(products10, v128.and(keyed, lowHalves));
}
