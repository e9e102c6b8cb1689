// Where the kernel keeps what, in bytes of its linear memory. Page 0 is the kernel's own; the noise begins at page 1, so that it
// is aligned to a cache line and an index never reaches the kernel's tables.

/** One group of 16 values: the last, partial group of a call is drawn here and copied, so nothing past its end is written. */
export const TAIL: usize = 1024;

/** Categories drawn at a time, 64 groups of 16. Their words (4 KiB) stay in the first-level cache beside the noise they become. */
export const CHUNK: u32 = 1024;

/** CHUNK 32-bit words. */
export const BITS: usize = 4096;

/** Numbers of the groups that hold a rare value: 65 at most, because a number is stored before it is known whether it is kept. */
export const RARE: usize = 12288;
