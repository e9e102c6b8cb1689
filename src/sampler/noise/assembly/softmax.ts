// The parts of a softmax that have the same bits on every machine: the exponents before the exponential, and the
// division by the sum after it. The graph computes the exponential. Sums are float64, in one fixed order that does not
// depend on the address of a row.
//
// Workaround: the softmax of ONNX Runtime adds in float32, MlasComputeSumExpF32Kernel in
// https://github.com/microsoft/onnxruntime/blob/053663b8f9/onnxruntime/core/mlas/lib/compute.cpp
// Sum and quotient can move to the graph when it adds in float64.

/** 2^-126: values of at most this become 0, because GPUs flush smaller ones to 0. */
const SMALLEST_NORMAL: f64 = 1.1754943508222875e-38;

/**
 * Writes x = (z - max z) (1 / tau) of each draw to the floats at `to`: three float32 operations. max z is subtracted
 * first, since z / tau can be as large as 4.5e7, where float32 steps by 4. A masked category gives -Infinity. `indices`
 * are those of the largest z, as argmax writes them, and temperatures are float32, one of each a draw.
 */
export function exponents(to: usize, z: usize, indices: usize, temperatures: usize, draws: u32, categories: u32): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    const most = load<f32>(z + <usize>load<u32>(indices + <usize>draw * 4) * 4);
    scale(to, z, z + rowBytes, most, <f32>1 / load<f32>(temperatures + <usize>draw * 4));
    to += rowBytes;
    z += rowBytes;
  }
}

/** (z - most) factor of the floats from z to end. */
export function scale(to: usize, z: usize, end: usize, most: f32, factor: f32): void {
  for (; z + 16 <= end; z += 16, to += 16) {
    v128.store(to, f32x4.mul(f32x4.sub(v128.load(z), f32x4.splat(most)), f32x4.splat(factor)));
  }
  for (; z < end; z += 4, to += 4) store<f32>(to, (load<f32>(z) - most) * factor);
}

/** Divides the exponentials of each draw by their sum, in place: y = e / sum e in float64, rounded once. */
export function normalize(values: usize, draws: u32, categories: u32): void {
  const rowBytes = <usize>categories * 4;
  for (let draw: u32 = 0; draw < draws; draw++) {
    divide(values, values + rowBytes, 1 / sum(values, categories));
    values += rowBytes;
  }
}

/** The sum of count floats in float64: eight sums of every eighth, added in order. */
export function sum(from: usize, count: u32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = from + <usize>count * 4;
  for (; from + 32 <= end; from += 32) {
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(v128.load64_zero(from)));
    s1 = f64x2.add(s1, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)));
    s2 = f64x2.add(s2, f64x2.promote_low_f32x4(v128.load64_zero(from, 16)));
    s3 = f64x2.add(s3, f64x2.promote_low_f32x4(v128.load64_zero(from, 24)));
  }
  s0 = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let total = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; from < end; from += 4) total += <f64>load<f32>(from);
  return total;
}

/** y of one exponential in float64: a value of at most 2^-126 is 0. */
@inline
export function share(e: f64, factor: f64): f64 {
  const y = e * factor;
  return y > SMALLEST_NORMAL ? y : 0;
}

function divide(at: usize, end: usize, factor: f64): void {
  const factors = f64x2.splat(factor);
  const least = f32x4.splat(<f32>SMALLEST_NORMAL);
  for (; at + 16 <= end; at += 16) {
    const low = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(at)), factors));
    const high = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(at, 8)), factors));
    const y = v128.shuffle<i64>(low, high, 0, 2);
    v128.store(at, v128.and(y, f32x4.gt(y, least)));
  }
  for (; at < end; at += 4) {
    const y = <f32>(<f64>load<f32>(at) * factor);
    store<f32>(at, y > <f32>SMALLEST_NORMAL ? y : 0);
  }
}
