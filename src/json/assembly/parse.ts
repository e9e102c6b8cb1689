/**
 * Parses one slice of a JSON array of numbers and nulls, nested up to AXES deep, into consecutive float32 values, and
 * checks its shape. The host handles tokens whose rounding is uncertain, tokens longer than a slice, and every other
 * kind of value.
 *
 * One mechanism serves every rank. Each open array has a count of its complete elements. The first array that ends at a
 * depth sets the size of all arrays at this depth, and the first number sets the rank.
 *
 * A number is rounded to float64 first and to float32 second, because that is what Math.fround(JSON.parse(text)) does.
 */
import {
  AXES,
  FIELDS,
  HARD_TOKENS,
  HARD_TOKENS_MAX,
  HIGHEST_POWER_F64,
  LOWEST_POWER_F64,
  POWERS_F64,
  POWERS_U64,
  SIZES,
  TEXT,
  VALUES,
} from "./layout";

/** The end of the text that was parsed. */
const CONSUMED: usize = FIELDS;
const COUNT: usize = FIELDS + 4;
const NULLS: usize = FIELDS + 8;
const INFINITES: usize = FIELDS + 12;
const HARD_COUNT: usize = FIELDS + 16;
// From here on the fields, SIZES included, are the state that the host keeps from slice to slice.
const STATE: usize = FIELDS + 20;
/** Maximum nesting depth of the array, 1 to AXES. */
const AXES_MAX: usize = FIELDS + 24;
/** The depth of the numbers, 0 until the first number or the first array without elements. */
const RANK: usize = FIELDS + 28;
/** The number of open arrays inside the outermost one. */
const DEPTH: usize = FIELDS + 32;
/** Complete elements of the innermost open array. */
const COLUMN: usize = FIELDS + 36;
/** The number of indices in RAGGED_PATH; 0 while no array has another size than the first one of its depth. */
const RAGGED_RANK: usize = FIELDS + 40;
/** Complete elements of the other open arrays, by depth. */
const COUNTS: usize = SIZES + 36;
/** The indices of the first array with another size. */
const RAGGED_PATH: usize = COUNTS + 36;

// What may come next. DONE and higher states end the array. OTHER: the text is not a number matrix, perhaps not even
// JSON. DEEP: the next byte opens more arrays than AXES_MAX.
const OPENED: i32 = 0;
const VALUE: i32 = 1;
const AFTER_VALUE: i32 = 2;
const ARRAY: i32 = 3;
const AFTER_ARRAY: i32 = 4;
const DONE: i32 = 5;
const OTHER: i32 = 6;
const DEEP: i32 = 7;

const COMMA: u32 = 0x2c;
const OPEN: u32 = 0x5b;
const CLOSE: u32 = 0x5d;
const MINUS: u32 = 0x2d;
const PLUS: u32 = 0x2b;
const POINT: u32 = 0x2e;
const LETTER_E: u32 = 0x65;
const LETTER_N: u32 = 0x6e;
const SPACE: u32 = 0x20;
/** "null" as four little-endian bytes. */
const NULL_TEXT: u32 = 0x6c6c756e;
const NAN_BITS: u32 = 0x7fc00000;
const INFINITY_BITS: u32 = 0x7f800000;
/**
 * A larger exponent does not change the result, since a body has at most 2^31 digits. This one does not overflow an
 * i32.
 */
const EXPONENT_MAX: i32 = 100000000;
const SIGNIFICANT_DIGITS_MAX: i32 = 19;

@inline
function isDigit(byte: u32): bool {
  return byte - 0x30 <= 9;
}

@inline
function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09;
}

/**
 * The number whose digits are the last bytes of a vector; the other bytes are 0. Neighbours are joined to numbers of
 * two, four and eight digits, in all lanes at once.
 */
@inline
function sixteenDigits(digits: v128): u64 {
  const tens = i8x16(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1);
  const low = i32x4.extadd_pairwise_i16x8_u(i16x8.extmul_low_i8x16_u(digits, tens));
  const high = i32x4.extadd_pairwise_i16x8_u(i16x8.extmul_high_i8x16_u(digits, tens));
  const twos = i16x8.narrow_i32x4_u(low, high);
  const fours = i32x4.dot_i16x8_s(twos, i16x8(100, 1, 100, 1, 100, 1, 100, 1));
  const eights = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_u(fours, fours), i16x8(10000, 1, 10000, 1, 0, 0, 0, 0));
  return <u64>i32x4.extract_lane(eights, 0) * 100000000 + <u64>i32x4.extract_lane(eights, 1);
}

@inline
function powerF64(exponent: i32): f64 {
  return load<f64>(POWERS_F64 + ((exponent - LOWEST_POWER_F64) << 3));
}

/**
 * Stores the float32 of significand * 10^exponent. The float64 product is within 4 units in the last place of the
 * float64 that JSON.parse would give, dropped digits included. Rounding is monotonic, so if both ends of an interval
 * twice as wide round to the same float32, that is the result. Otherwise the product must be exact (Clinger 1990: both
 * factors are exact float64), or the host rounds the token.
 */
@inline
function storeRounded(significand: u64, exponent: i32, truncated: bool, sign: u32, start: usize, end: usize, out: usize): void {
  let bits: u32;
  if (significand == 0 || exponent < LOWEST_POWER_F64) {
    // 10^19 * 10^-66 is less than half of the smallest float32.
    bits = 0;
  } else if (exponent > HIGHEST_POWER_F64) {
    bits = INFINITY_BITS;
  } else {
    const product = <f64>significand * powerF64(exponent);
    const low = <f32>(product * (1.0 - 8.8817841970012523e-16));
    const high = <f32>(product * (1.0 + 8.8817841970012523e-16));
    bits = reinterpret<u32>(low);
    if (low != high) bits = roundHard(significand, exponent, truncated, start, end, out);
  }
  if (bits == INFINITY_BITS) store<i32>(INFINITES, load<i32>(INFINITES) + 1);
  store<u32>(out, bits | sign);
}

/** Not inlined, because it is rare. The value is 0 until the host rounds the token. */
function roundHard(significand: u64, exponent: i32, truncated: bool, start: usize, end: usize, out: usize): u32 {
  if (!truncated && significand <= 9007199254740992 && exponent >= -22 && exponent <= 22) {
    const exact = exponent < 0 ? <f64>significand / powerF64(-exponent) : <f64>significand * powerF64(exponent);
    return reinterpret<u32>(<f32>exact);
  }
  const count = load<i32>(HARD_COUNT);
  const entry = HARD_TOKENS + <usize>count * 12;
  store<u32>(entry, <u32>((out - VALUES) >> 2));
  store<u32>(entry + 4, <u32>(start - TEXT));
  store<u32>(entry + 8, <u32>(end - TEXT));
  store<i32>(HARD_COUNT, count + 1);
  return 0;
}

/**
 * The significand of a number with more than 19 digits, leading zeros counted: the first 19 significant digits, and the
 * position of the point.
 */
function storeLong(start: usize, digitsStart: usize, digitsEnd: usize, end: usize, exponent: i32, sign: u32, out: usize): void {
  let significand: u64 = 0;
  let digits = 0;
  let afterPoint = false;
  for (let p = digitsStart; p < digitsEnd; ++p) {
    const byte = <u32>load<u8>(p);
    if (byte == POINT) {
      afterPoint = true;
    } else if (digits < SIGNIFICANT_DIGITS_MAX) {
      significand = significand * 10 + (byte - 0x30);
      digits += i32(significand != 0);
      exponent -= i32(afterPoint);
    } else {
      ++digits;
      exponent += i32(!afterPoint);
    }
  }
  storeRounded(significand, exponent, digits > SIGNIFICANT_DIGITS_MAX, sign, start, end, out);
}

/**
 * Parses the number at `start` into `out`. Returns the address of its end, or 0 if the grammar forbids it. A processor
 * cannot predict signs and digit counts, so a number of up to 16 digits after the point needs no branch for either.
 */
@inline
function parseNumber(start: usize, out: usize): usize {
  const negative = load<u8>(start) == MINUS;
  let p = start + usize(negative);
  const digitsStart = p;
  const first = <u32>load<u8>(p) - 0x30;
  if (first > 9) return 0;
  let significand = <u64>first;
  let next = <u32>load<u8>(++p);
  let digit = next - 0x30;
  while (digit <= 9) {
    significand = significand * 10 + digit;
    next = load<u8>(++p);
    digit = next - 0x30;
  }
  let digits = p - digitsStart;
  if (first == 0 && digits > 1) return 0;
  let exponent = 0;
  if (next == POINT) {
    const fraction = ++p;
    const bytes = i8x16.sub(v128.load(p), i8x16.splat(0x30));
    // The 17th bit stops the count where all sixteen are digits.
    const count = <usize>ctz(i8x16.bitmask(i8x16.gt_u(bytes, i8x16.splat(9))) | 0x10000);
    // Indexes below 0 are out of range and give 0.
    const iota = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const aligned = v128.swizzle(bytes, i8x16.add(iota, i8x16.splat(<i8>(count - 16))));
    significand = significand * load<u64>(POWERS_U64 + (count << 3)) + sixteenDigits(aligned);
    p += count;
    next = load<u8>(p);
    digit = next - 0x30;
    // Few numbers have more digits than that, and those have few more.
    while (digit <= 9) {
      significand = significand * 10 + digit;
      next = load<u8>(++p);
      digit = next - 0x30;
    }
    if (p == fraction) return 0;
    digits += p - fraction;
    exponent = -(<i32>(p - fraction));
  }
  const digitsEnd = p;
  let written = 0;
  if ((next | 0x20) == LETTER_E) {
    next = load<u8>(++p);
    const negativeExponent = next == MINUS;
    if (negativeExponent || next == PLUS) next = load<u8>(++p);
    if (!isDigit(next)) return 0;
    while ((digit = next - 0x30) <= 9) {
      if (written < EXPONENT_MAX) written = written * 10 + digit;
      next = load<u8>(++p);
    }
    if (negativeExponent) written = -written;
  }
  const sign = <u32>negative << 31;
  if (digits <= <usize>SIGNIFICANT_DIGITS_MAX) storeRounded(significand, exponent + written, false, sign, start, p, out);
  else storeLong(start, digitsStart, digitsEnd, p, written, sign, out);
  return p;
}

/** Whether all bytes from `p` to the end of the slice may be part of a number: the slice then cut the token. */
function isCut(p: usize, end: usize): bool {
  while (p < end) {
    const byte = <u32>load<u8>(p);
    if (!isDigit(byte) && byte != MINUS && byte != PLUS && byte != POINT && (byte | 0x20) != LETTER_E) return false;
    ++p;
  }
  return true;
}

@inline
function ofDepth(field: usize, depth: i32): usize {
  return field + (<usize>depth << 2);
}

/** Records the path of the first array with another size than the first one of its depth. */
function markRagged(depth: i32): void {
  if (load<i32>(RAGGED_RANK) > 0) return;
  store<i32>(RAGGED_RANK, depth);
  for (let outer = 0; outer < depth; ++outer) {
    store<i32>(ofDepth(RAGGED_PATH, outer), load<i32>(ofDepth(COUNTS, outer)));
  }
}

/** The state after an opening bracket behind `column` elements. */
function afterOpen(state: i32, column: i32): i32 {
  if (state == AFTER_VALUE || state == AFTER_ARRAY) return OTHER;
  const depth = load<i32>(DEPTH);
  if (depth + 1 >= load<i32>(AXES_MAX)) return DEEP;
  // An array may not follow a number, nor be nested deeper than the first number is.
  const rank = load<i32>(RANK);
  if (state == VALUE || (rank > 0 && depth + 2 > rank)) return OTHER;
  store<i32>(ofDepth(COUNTS, depth), column);
  store<i32>(DEPTH, depth + 1);
  return OPENED;
}

/** The state after a closing bracket behind `column` elements. */
function afterClose(state: i32, column: i32): i32 {
  if (state == VALUE || state == ARRAY) return OTHER;
  const depth = load<i32>(DEPTH);
  if (load<i32>(RANK) == 0) store<i32>(RANK, depth + 1);
  const size = load<i32>(ofDepth(SIZES, depth));
  if (size < 0) store<i32>(ofDepth(SIZES, depth), column);
  else if (size != column) markRagged(depth);
  if (depth == 0) return DONE;
  store<i32>(DEPTH, depth - 1);
  return AFTER_ARRAY;
}

/** The state after punctuation, or OTHER. */
@inline
function afterPunctuation(byte: u32, state: i32, column: i32): i32 {
  if (byte == COMMA) return state == AFTER_VALUE ? VALUE : state == AFTER_ARRAY ? ARRAY : OTHER;
  if (byte == OPEN) return afterOpen(state, column);
  return byte == CLOSE ? afterClose(state, column) : OTHER;
}

/** Whether the first element of an array may be a number: the first number of all sets the rank. */
@inline
function mayHoldNumbers(): bool {
  const rank = load<i32>(DEPTH) + 1;
  if (load<i32>(RANK) == 0) store<i32>(RANK, rank);
  return load<i32>(RANK) == rank;
}

/** Sets the state of an array of which nothing has been parsed. */
@inline
function begin(axesMax: i32): void {
  store<i32>(STATE, OPENED);
  store<i32>(AXES_MAX, axesMax);
  store<i32>(RANK, 0);
  store<i32>(DEPTH, 0);
  store<i32>(COLUMN, 0);
  store<i32>(RAGGED_RANK, 0);
  for (let axis = 0; axis < AXES; ++axis) store<i32>(ofDepth(SIZES, axis), -1);
}

/**
 * Parses the first `length` bytes of TEXT from the state in the fields. A token that the end of the slice may cut is
 * not consumed: the next slice starts with it. The byte after the text must be 0.
 *
 * @param axesMax maximum nesting depth for the first slice of an array, 0 for the others
 */
export function parseSlice(length: i32, axesMax: i32): void {
  if (axesMax > 0) begin(axesMax);
  const end = TEXT + <usize>length;
  let p = TEXT;
  let out = VALUES;
  let state = load<i32>(STATE);
  let column = load<i32>(COLUMN);
  store<i32>(NULLS, 0);
  store<i32>(INFINITES, 0);
  store<i32>(HARD_COUNT, 0);
  while (state < DONE) {
    let byte = <u32>load<u8>(p);
    while (isSpace(byte) && p < end) byte = load<u8>(++p);
    if (p >= end) break;
    // The range "-" to "9" has the digits and two bytes that parseNumber rejects: one comparison instead of two.
    if (byte - MINUS > 0x39 - MINUS && byte != LETTER_N) {
      state = afterPunctuation(byte, state, column);
      if (state < OTHER) ++p;
      if (state == OPENED) column = 0;
      else if (byte == CLOSE && state == AFTER_ARRAY) column = load<i32>(ofDepth(COUNTS, load<i32>(DEPTH))) + 1;
      continue;
    }
    if (state != VALUE && (state != OPENED || !mayHoldNumbers())) {
      state = OTHER;
      break;
    }
    if (byte == LETTER_N) {
      if (p + 4 > end) break;
      if (load<u32>(p) != NULL_TEXT) {
        state = OTHER;
        break;
      }
      store<i32>(NULLS, load<i32>(NULLS) + 1);
      store<u32>(out, NAN_BITS);
      p += 4;
    } else {
      if (load<i32>(HARD_COUNT) == HARD_TOKENS_MAX) break;
      const infinites = load<i32>(INFINITES);
      const hard = load<i32>(HARD_COUNT);
      const next = parseNumber(p, out);
      if (next == 0 || next >= end) {
        // The counts of a cut token are removed; the complete token is counted again.
        store<i32>(INFINITES, infinites);
        store<i32>(HARD_COUNT, hard);
        if (!isCut(p, end)) state = OTHER;
        break;
      }
      p = next;
    }
    out += 4;
    ++column;
    state = AFTER_VALUE;
    if (load<u8>(p) == COMMA && p < end) {
      ++p;
      state = VALUE;
      p += usize(<u32>load<u8>(p) == SPACE && p < end);
    }
  }
  store<i32>(STATE, state);
  store<i32>(COLUMN, column);
  store<i32>(CONSUMED, <i32>(p - TEXT));
  store<i32>(COUNT, <i32>((out - VALUES) >> 2));
}
