/**
 * The memory map of the codec. The module exports these addresses, and src/json/codec-instance.ts makes its views of
 * the memory from them. All of them are below asconfig.json's memoryBase, where the compiler's data would begin. There
 * is no allocator: text and values each have one fixed address, used by the current call.
 */

/** The most axes of an array: a sample axis, and the eight of logits. */
export const AXES: i32 = 9;

/** i32 fields that a call reads and writes; parse.ts and print.ts have the offsets of the others. */
export const FIELDS: usize = 0;
/** AXES sizes of an array, outermost first. The parser sets them, and the printers read them. */
export const SIZES: usize = FIELDS + 64;
/** 10^0 .. 10^9 as u32, written by the host. */
export const POWERS_U32: usize = 256;
/** 10^-65 .. 10^38 as correctly rounded float64, written by the host. */
export const POWERS_F64: usize = 320;
/** ceil(10^k * 2^(63 - floor(log2 10^k))) for k = -31 .. 45, written by the host. */
export const POWERS_G: usize = 1152;

/** 10^0 .. 10^16 as u64, written by the host. */
export const POWERS_U64: usize = 1792;

/**
 * The JSON text, which the parser reads and the printers write. Vector loads and stores may reach past its end, into
 * the gap before VALUES.
 */
export const TEXT: usize = 2048;
export const TEXT_BYTES: usize = 65536;

/** The numbers, which the parser writes (at most one per two bytes of text) and the printers read. */
export const VALUES: usize = TEXT + TEXT_BYTES + 256;
export const VALUES_MAX: usize = TEXT_BYTES / 2;

/** Triples (value index, text start, text end) of the tokens that only the host can round. */
export const HARD_TOKENS: usize = VALUES + <usize>VALUES_MAX * 4;
export const HARD_TOKENS_MAX: i32 = 4096;

export const LOWEST_POWER_F64: i32 = -65;
export const HIGHEST_POWER_F64: i32 = 38;
export const LOWEST_POWER_G: i32 = -31;
