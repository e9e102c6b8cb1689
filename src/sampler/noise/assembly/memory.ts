// Where the kernel keeps what, in bytes of its linear memory. Page 0 is the kernel's own; what callers see begins at
// page 1, so that it is aligned to a cache line and an index never reaches the kernel's scratch. The constants of the
// loops are the module's own data, which begins at byte 1024; it has to end before BITS.

/**
 * Words drawn at a time, 64 groups of 16. With their uniforms (8 KiB) they stay in the first-level cache beside the
 * noise.
 */
export const CHUNK: u32 = 1024;

/** CHUNK 32-bit words, and 12 more: a draw's last group may reach beyond its last block. */
export const BITS: usize = 4096;

/** CHUNK floats: v, then t = -log1p(-v). */
export const UNIFORMS: usize = 12288;

/**
 * Numbers of the groups that hold a rare value: 65 at most, because a number is stored before it is known whether it is
 * kept.
 */
export const RARE: usize = 16384;

/**
 * Bytes of one field of the lanes: CHUNK / 4 words, one a block, and a cache line for a draw's last four, which may
 * reach beyond.
 */
export const LANE_BYTES: usize = 1088;

/**
 * Six fields of the lanes: block number, k0, k1, and what philox.ts finds once a draw: secondKey0, secondKey2,
 * thirdKey2.
 */
export const LANES: usize = 20480;

/**
 * A 32-bit constant of the module's data in every lane. V8 of Node.js 24 puts a vector constant of the code together
 * anew at each use, also in loops, by three instructions: the noise took twice as long. A load is one.
 */
@inline
export function constant(at: usize): v128 {
  return v128.load32_splat(at);
}
