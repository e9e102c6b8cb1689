// The layout of the kernel's memory, in bytes. Page 0 has constants and scratch. The arrays of callers begin at page 1,
// so they are aligned to cache lines and separate from the scratch. The constants of the loops are the data segment of
// the module, which begins at byte 1024 and has to end before BITS.

/**
 * Words drawn at a time, 64 groups of 16. With their uniforms (8 KiB) they stay in the first-level cache beside the
 * noise.
 */
export const CHUNK: u32 = 1024;

/** CHUNK 32-bit words, and 12 more: a draw's last group may reach beyond its last block. */
export const BITS: usize = 4096;

/** CHUNK floats: v, then t = -log1p(-v). */
export const UNIFORMS: usize = 12288;

/** The last, partial group of a row of logits, for all of its draws, in search.ts, which uses 16 uniforms only. */
export const PADDED: usize = UNIFORMS + 64;

/** Indices of groups of a chunk: those that hold a rare value, or in search.ts those that may have the largest z. */
export const LISTED: usize = 16384;

/**
 * Bytes of one field of the lanes: CHUNK / 4 words, one for each block, and a cache line, because the last four of a
 * draw may be written beyond the end.
 */
export const LANE_BYTES: usize = 1088;

/**
 * Six fields of the lanes: block number, and five values that philox.ts computes once for each draw: thirdKey0,
 * fourthKey1, secondKey0, secondKey2, thirdKey2.
 */
export const LANES: usize = 20480;

/**
 * A 32-bit constant in every lane, loaded from the data segment by one instruction. Workaround: V8 of Node.js 24 builds
 * a vector constant in the code by three instructions at each use, also in loops, which doubles the time of the noise
 * (`npm run bench:kernel`): https://crbug.com/v8/10980, https://github.com/WebAssembly/simd/issues/369
 * Can go when V8 loads such constants, or keeps them out of loops.
 */
@inline
export function constant(at: usize): v128 {
  return v128.load32_splat(at);
}
