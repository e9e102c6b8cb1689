// Where the kernel keeps what, in bytes of its linear memory. Page 0 is the kernel's own; the noise begins at page 1, so that it
// is aligned to a cache line and an index never reaches the kernel's scratch.

/** Categories drawn at a time, 64 groups of 16. Their words and uniforms (8 KiB) stay in the first-level cache beside the noise. */
export const CHUNK: u32 = 1024;

/** CHUNK 32-bit words. */
export const BITS: usize = 4096;

/** CHUNK floats: v, then t = -log1p(-v). */
export const UNIFORMS: usize = 8192;

/** Numbers of the groups that hold a rare value: 65 at most, because a number is stored before it is known whether it is kept. */
export const RARE: usize = 12288;
