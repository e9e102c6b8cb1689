// Where the kernel keeps what, in bytes of its linear memory. Page 0 is the kernel's own; what callers see begins at page 1, so that it
// is aligned to a cache line and an index never reaches the kernel's scratch.

/** Words drawn at a time, 64 groups of 16. With their uniforms (8 KiB) they stay in the first-level cache beside the noise. */
export const CHUNK: u32 = 1024;

/** CHUNK 32-bit words, and 12 more: a draw's last group may reach beyond its last block. */
export const BITS: usize = 4096;

/** CHUNK floats: v, then t = -log1p(-v). */
export const UNIFORMS: usize = 12288;

/** Numbers of the groups that hold a rare value: 65 at most, because a number is stored before it is known whether it is kept. */
export const RARE: usize = 16384;

/** Blocks of a chunk, and 4 more: a draw's last four lanes may reach beyond its last block. */
export const LANES_MAX: u32 = CHUNK / 4 + 4;

/** Bytes of one field of the lanes: LANES_MAX words, and what a multiple of a cache line needs. */
export const LANE_BYTES: usize = 1088;

/** Six fields of the lanes: block number, k0, k1, and what philox.ts finds once a draw: secondKey0, secondKey2, thirdKey2. */
export const LANES: usize = 20480;
