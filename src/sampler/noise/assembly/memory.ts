// Where the kernel keeps what, in bytes of its linear memory. Page 0 is the kernel's own; the noise begins at page 1, so that it
// is aligned to a cache line and an index never reaches the kernel's tables.

/** 18 vectors: the words of the rounds that are the same for all blocks of one call (see philox.ts). */
export const KEYS: usize = 1024;

/** One group of 16 values: the last, partial group of a call is drawn here and copied, so nothing past its end is written. */
export const TAIL: usize = 2048;

/** Groups of 16 values that are drawn at a time. Their bits (4 KiB) stay in the first-level cache beside the noise they become. */
export const CHUNK_GROUPS_MAX: u32 = 64;

/** CHUNK_GROUPS_MAX groups of 16 32-bit words. */
export const BITS: usize = 4096;

/** CHUNK_GROUPS_MAX + 1 numbers of groups which hold a rare value; one more, because a number is stored before it is known to be kept. */
export const RARE: usize = 12288;
