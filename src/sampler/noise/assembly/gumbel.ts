// Standard Gumbel noise from 32-bit words: g = -log(-log1p(-v)), v in (0, 1) uniform, in float32.
// docs/noise-contract.md lists every operation. philox.ts makes the words; kernel.ts finds the rare values.
//
// Only + - * and conversions that every machine rounds alike: no relaxed SIMD, no fused multiply-add, no division. Both
// logarithms subtract whole multiples of log 2 first, exactly, and take a minimax polynomial of the rest. Error over
// every v: see the document.

import { constant } from './memory';

/** 1 - 2^-24, the largest v. */
const V_MAX = memory.data<f32>([0.999999940395355224609375]);

/** log 2 rounded to float32; its last three bits are 0, so that n LN2 is exact for n <= 11. */
const LN2: f32 = 0.693147182464599609375;

/** LN2 2^-23: an exponent field n is a number n 2^23 as it stands in the float's bits. */
const LN2_FIELD = memory.data<f32>([LN2 / 8388608]);
const MINUS_LN2_FIELD = memory.data<f32>([-LN2 / 8388608]);

/** 2/3, rounded up: t is reduced to [2/3, 4/3), so that 1 lies inside and g is exact to an absolute error around 0. */
const OCTAVE = memory.data<u32>([0x3f2aaaab]);

/** Floats and their parts, by their bits. */
const ONE = memory.data<f32>([1]);
const ONE_HALF_BITS = memory.data<u32>([0x3f000000]);
const EXPONENT = memory.data<u32>([0x7f800000]);
const SIGN_AND_EXPONENT = memory.data<u32>([0xff800000]);

/** 2^7, 2^7 + 2^-9 and the upper half of 2^-9: see uniform. */
const HIGH_LEADING = memory.data<u32>([0x43000000]);
const BOTH_LEADING = memory.data<f32>([128.001953125]);
const LOW_LEADING = memory.data<u32>([0x3b000000]);

// Minimax (Remez) coefficients, rounded to float32 and then varied by a few units in the last place until the largest
// error of g was smallest. A is relative to -log1p(-x), B is absolute.
const A0 = memory.data<f32>([0.49999529123306274]); // 0x3effff62
const A1 = memory.data<f32>([0.3336319029331207]); // 0x3eaad1cd
const A2 = memory.data<f32>([0.24368219077587128]); // 0x3e7987d3
const A3 = memory.data<f32>([0.2636914849281311]); // 0x3e870292
const A4 = memory.data<f32>([-0.18095235526561737]); // 0xbe394b93
const A5 = memory.data<f32>([1.2087277173995972]); // 0x3f9ab797
const A6 = memory.data<f32>([-1.6395962238311768]); // 0xbfd1de4a
const A7 = memory.data<f32>([1.4145082235336304]); // 0x3fb50e9b
const B0 = memory.data<f32>([0.49999821186065674]); // 0x3effffc4
const B1 = memory.data<f32>([-0.33333051204681396]); // 0xbeaaaa4c
const B2 = memory.data<f32>([0.2501172721385956]); // 0x3e800f5f
const B3 = memory.data<f32>([-0.20020455121994019]); // 0xbe4d026c
const B4 = memory.data<f32>([0.16361995041370392]); // 0x3e278bfd
const B5 = memory.data<f32>([-0.13862600922584534]); // 0xbe0df3fa
const B6 = memory.data<f32>([0.15629078447818756]); // 0x3e200ab1
const B7 = memory.data<f32>([-0.14569221436977386]); // 0xbe153057

/**
 * v = min(f32(b) 2^-32, 1 - 2^-24), f32(b) rounded to nearest even.
 *
 * The halves of b become floats by writing them below the leading bit of 2^7 and 2^-9: 128 + (b >> 16) 2^-16 and
 * 2^-9 + (b & 0xffff) 2^-32. The subtraction is exact, and the addition is the one that rounds.
 */
@inline
export function uniform(b: v128): v128 {
  const high = f32x4.sub(v128.or(i32x4.shr_u(b, 16), constant(HIGH_LEADING)), constant(BOTH_LEADING));
  const low = v128.shuffle<i16>(b, constant(LOW_LEADING), 0, 9, 2, 11, 4, 13, 6, 15);
  return f32x4.pmin(f32x4.add(high, low), constant(V_MAX));
}

/**
 * v of a rare value, b < 2^24, whose low bits come from a second word r: (f32(b) + f32(r) 2^-32) 2^-32, at least 2^-65.
 */
@inline
export function rareUniform(b: u32, r: u32): f32 {
  const v = (<f32>b + <f32>r * <f32>2.3283064365386963e-10) * <f32>2.3283064365386963e-10;
  return max<f32>(v, 2.710505431213761e-20);
}

/**
 * t = -log1p(-v), v in [2^-65, 1 - 2^-24]. 1 - v is in [2^(-n-1), 2^-n) for an n from 0 to 23, where n is 0 for the v
 * so small that 1 - v rounds to 1. Then t = n log 2 - log1p(-x) with x = 1 - 2^n (1 - v) in [0, 1/2], which is exact: v
 * itself for n = 0, and for n > 0 both 1 - v and x are multiples of 2^-24.
 */
@inline
export function firstLog(v: v128): v128 {
  const field = v128.and(f32x4.sub(constant(ONE), v), constant(EXPONENT));
  // The fields' low halves are 0, so 16-bit lanes subtract 32-bit ones; they saturate, so that n is 0, not -1, where 1
  // - v is 1.
  const nField = i16x8.sub_sat_u(constant(ONE_HALF_BITS), field);
  const scale = i32x4.add(nField, constant(ONE));
  const x = f32x4.add(f32x4.mul(v, scale), f32x4.sub(constant(ONE), scale));
  const nLog2 = f32x4.mul(f32x4.convert_i32x4_s(nField), constant(LN2_FIELD));
  const xx = f32x4.mul(x, x);
  return f32x4.add(x, f32x4.add(f32x4.mul(xx, polynomialA(x, xx)), nLog2));
}

/** g = -log(t), t in [2^-65, 16.7]: t = 2^e (1 + y) with 1 + y in [2/3, 4/3), and g = -e log 2 - log1p(y). */
@inline
export function secondLog(t: v128): v128 {
  const eField = v128.and(i32x4.sub(t, constant(OCTAVE)), constant(SIGN_AND_EXPONENT));
  const y = f32x4.sub(i32x4.sub(t, eField), constant(ONE));
  const yy = f32x4.mul(y, y);
  const rest = f32x4.sub(f32x4.mul(yy, polynomialB(y, yy)), y);
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(eField), constant(MINUS_LN2_FIELD)), rest);
}

/**
 * A(x) = (-log1p(-x) - x) / x^2 on [0, 1/2]: even and odd powers apart, because two short chains finish sooner than one
 * long.
 */
@inline
function polynomialA(x: v128, xx: v128): v128 {
  const even = step(step(step(constant(A6), xx, A4), xx, A2), xx, A0);
  const odd = step(step(step(constant(A7), xx, A5), xx, A3), xx, A1);
  return f32x4.add(even, f32x4.mul(odd, x));
}

/** B(y) = (y - log1p(y)) / y^2 on [-1/3, 1/3]. */
@inline
function polynomialB(y: v128, yy: v128): v128 {
  const even = step(step(step(constant(B6), yy, B4), yy, B2), yy, B0);
  const odd = step(step(step(constant(B7), yy, B5), yy, B3), yy, B1);
  return f32x4.add(even, f32x4.mul(odd, y));
}

/** One step of Horner's rule: sum x + c, each operation rounded. */
@inline
function step(sum: v128, x: v128, c: usize): v128 {
  return f32x4.add(f32x4.mul(sum, x), constant(c));
}
