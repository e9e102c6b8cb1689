// Searches float32 values, four at a time, for those that logits must be changed or rejected for. float-scan.ts copies
// the values in and interprets the result.

/** Maximum number of values. They begin at address 0, below asconfig.json's memoryBase. */
export const VALUES_MAX: i32 = 65536;

/** Bits of the result. */
export const NOT_FINITE: i32 = 1;
export const TINY: i32 = 2;

/** Bits of infinity and of 2^-100. Positive floats are ordered as their bits. */
const INFINITY_BITS: i32 = 0x7f800000;
const TINY_BITS: i32 = 0x0d800000;

/**
 * The bits that apply to any of the first `count` values. Values after the last are read up to a multiple of 4, and
 * must be 0.
 */
export function scan(count: u32): i32 {
  const magnitude = i32x4.splat(0x7fffffff);
  const infinity = i32x4.splat(INFINITY_BITS);
  const tiny = i32x4.splat(TINY_BITS);
  const zero = i32x4.splat(0);
  let infinite = zero;
  let small = zero;
  const end = <usize>count * 4;
  for (let at: usize = 0; at < end; at += 16) {
    const bits = v128.and(v128.load(at), magnitude);
    infinite = v128.or(infinite, i32x4.ge_s(bits, infinity));
    small = v128.or(small, v128.and(i32x4.lt_s(bits, tiny), i32x4.ne(bits, zero)));
  }
  return (v128.any_true(infinite) ? NOT_FINITE : 0) | (v128.any_true(small) ? TINY : 0);
}
