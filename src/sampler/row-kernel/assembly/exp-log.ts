// Exponential and logarithm of two float64 lanes: the algorithms and constants of fdlibm (Sun Microsystems 1993,
// e_exp.c and e_log.c), without their branches. Each error is below 1 ulp, that of log1p below 2;
// test/sampler/row-kernel/exp-log.test.ts compares them with 192-bit arithmetic. Only + - * / and integer operations,
// each rounded as IEEE 754 prescribes, so that the bits are the same on every machine and in every version of Node.js.
//
// Workaround: the constants are loads from memory, one instruction each, because V8 of Node.js 24 builds a vector
// constant in the code at each use: https://crbug.com/v8/10980, https://github.com/WebAssembly/simd/issues/369
// Can go when V8 loads such constants, or keeps them out of loops.

const INVERSE_LN2 = memory.data<f64>([1.44269504088896338700]);
const LN2_HIGH = memory.data<f64>([6.93147180369123816490e-01]);
const LN2_LOW = memory.data<f64>([1.90821492927058770002e-10]);
/** 1.5 * 2^52: added to a number below 2^51, it leaves the nearest integer in the low bits. */
const ROUNDER = memory.data<f64>([6755399441055744]);
const ONE = memory.data<f64>([1]);
const TWO = memory.data<f64>([2]);
const HALF = memory.data<f64>([0.5]);
const LEAST = memory.data<f64>([-708]);
const MINUS_INFINITY = memory.data<u64>([0xfff0000000000000]);
const SQRT_TWO_LESS_ONE = memory.data<f64>([4.14213562373095048802e-01]);
const SQRT_HALF_BITS = memory.data<u64>([0x3fe6a09e667f3bcd]);

const P1 = memory.data<f64>([1.66666666666666019037e-01]);
const P2 = memory.data<f64>([-2.77777777770155933842e-03]);
const P3 = memory.data<f64>([6.61375632143793436117e-05]);
const P4 = memory.data<f64>([-1.65339022054652515390e-06]);
const P5 = memory.data<f64>([4.13813679705723846039e-08]);

const L1 = memory.data<f64>([6.666666666666735130e-01]);
const L2 = memory.data<f64>([3.999999999940941908e-01]);
const L3 = memory.data<f64>([2.857142874366239149e-01]);
const L4 = memory.data<f64>([2.222219843214978396e-01]);
const L5 = memory.data<f64>([1.818357216161805012e-01]);
const L6 = memory.data<f64>([1.531383769920937332e-01]);
const L7 = memory.data<f64>([1.479819860511658591e-01]);

@inline
export function constant(at: usize): v128 {
  return v128.load64_splat(at);
}

/** e^x of x <= 700: 0 below -708, where it is at most 2^-1021, and for -Infinity. */
@inline
export function exp(x: v128): v128 {
  const within = f64x2.ge(x, constant(LEAST));
  const bounded = f64x2.pmax(x, constant(LEAST));
  const rounded = f64x2.add(f64x2.mul(bounded, constant(INVERSE_LN2)), constant(ROUNDER));
  const n = f64x2.sub(rounded, constant(ROUNDER));
  // x = n log 2 + high - low: n LN2_HIGH is exact.
  const high = f64x2.sub(bounded, f64x2.mul(n, constant(LN2_HIGH)));
  const low = f64x2.mul(n, constant(LN2_LOW));
  const r = f64x2.sub(high, low);
  const rr = f64x2.mul(r, r);
  const c = f64x2.sub(r, f64x2.mul(rr, step(step(step(step(constant(P5), rr, P4), rr, P3), rr, P2), rr, P1)));
  const quotient = f64x2.div(f64x2.mul(r, c), f64x2.sub(constant(TWO), c));
  const mantissa = f64x2.sub(constant(ONE), f64x2.sub(f64x2.sub(low, quotient), high));
  return v128.and(i64x2.add(mantissa, i64x2.shl(rounded, 52)), within);
}

/** log(1 + x) of x in [0, 1], within 1.5 ulp and never negative: two thirds of the operations of log1pWide. */
@inline
export function log1p(x: v128): v128 {
  // 1 + x = 2^n (1 + f) with n 0 or 1, and 1 + f in [sqrt(1/2), sqrt 2): 1 + x itself would lose digits of x.
  const halved = f64x2.ge(x, constant(SQRT_TWO_LESS_ONE));
  const f = v128.bitselect(f64x2.mul(f64x2.sub(x, constant(ONE)), constant(HALF)), x, halved);
  return logOfReduced(f, v128.and(halved, constant(ONE)));
}

/** log x of finite x that are 0, giving -Infinity, or at least 2^-1022. */
@inline
export function log(x: v128): v128 {
  // x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt 2)
  const exponent = i64x2.shr_s(i64x2.sub(x, constant(SQRT_HALF_BITS)), 52);
  const f = f64x2.sub(i64x2.sub(x, i64x2.shl(exponent, 52)), constant(ONE));
  const n = f64x2.sub(i64x2.add(exponent, constant(ROUNDER)), constant(ROUNDER));
  return v128.bitselect(constant(MINUS_INFINITY), logOfReduced(f, n), f64x2.eq(x, f64x2.splat(0)));
}

/** n log 2 + log(1 + f) with 1 + f in [sqrt(1/2), sqrt 2). */
@inline
function logOfReduced(f: v128, n: v128): v128 {
  const s = f64x2.div(f, f64x2.add(constant(TWO), f));
  const z = f64x2.mul(s, s);
  const w = f64x2.mul(z, z);
  const even = f64x2.mul(w, step(step(constant(L6), w, L4), w, L2));
  const odd = f64x2.mul(z, step(step(step(constant(L7), w, L5), w, L3), w, L1));
  const half = f64x2.mul(f64x2.mul(constant(HALF), f), f);
  const rest = f64x2.mul(s, f64x2.add(half, f64x2.add(even, odd)));
  const low = f64x2.add(rest, f64x2.mul(n, constant(LN2_LOW)));
  return f64x2.sub(f64x2.mul(n, constant(LN2_HIGH)), f64x2.sub(f64x2.sub(half, low), f));
}

/**
 * log(1 + x) of x >= 0: log u of u = 1 + x rounded, and what the rounding left out, relative to u. Within 2 ulp.
 */
@inline
export function log1pWide(x: v128): v128 {
  const u = f64x2.add(constant(ONE), x);
  return f64x2.add(log(u), f64x2.div(f64x2.sub(x, f64x2.sub(u, constant(ONE))), u));
}

/** log(1 + x) of one number. */
export function log1pWideOf(x: f64): f64 {
  return f64x2.extract_lane(log1pWide(f64x2.splat(x)), 0);
}

/** log x of one number. */
export function logOf(x: f64): f64 {
  return f64x2.extract_lane(log(f64x2.splat(x)), 0);
}

/** The same of x in [0, 1]. */
export function log1pOf(x: f64): f64 {
  return f64x2.extract_lane(log1p(f64x2.splat(x)), 0);
}

/** e^x of one number, at most 700. */
export function expOf(x: f64): f64 {
  return f64x2.extract_lane(exp(f64x2.splat(x)), 0);
}

/** One step of Horner's rule: sum x + c, each operation rounded. */
@inline
function step(sum: v128, x: v128, c: usize): v128 {
  return f64x2.add(f64x2.mul(sum, x), constant(c));
}
