/**
 * Prints float32 and 32-bit integers as nested JSON arrays. The host prints the last closing brackets and empty arrays,
 * and continues after a full slice.
 *
 * A float is printed as the shortest decimal that parses to the same float32, the nearest one if there are several. The
 * algorithm is Schubfach (Giulietti, "The Schubfach way to render doubles", 2020; constants for float32 as in A. Bolz'
 * Drachennest). The notation is that of ECMA-262 Number::toString.
 */
import { FIELDS, LOWEST_POWER_G, POWERS_G, POWERS_U32, SIZES, TEXT, TEXT_BYTES, VALUES } from "./layout";

/** Address of the length of the text. */
const LENGTH: usize = FIELDS;
/**
 * The longest element, and the closing brackets that the host adds: AXES - 1 brackets, a comma, as many brackets, a
 * sign, 21 digits, AXES brackets.
 */
const ELEMENT_BYTES_MAX: usize = 64;

const ZERO_DIGITS: u64 = 0x3030303030303030;
/** "0.000000" */
const ZERO_POINT_ZEROS: u64 = 0x3030303030302e30;
/** ",0" and ",0,0,0,0" */
const COMMA_ZERO: u16 = 0x302c;
const COMMA_ZERO_FOUR: u64 = 0x302c302c302c302c;
/** "null" */
const NULL_TEXT: u32 = 0x6c6c756e;
const ONE_BITS: u32 = 0x3f800000;

@inline
function powerU32(exponent: i32): u32 {
  return load<u32>(POWERS_U32 + (<usize>exponent << 2));
}

/** The number of decimal digits of a number below 10^9; 1233 / 2^12 is just above log10(2). */
@inline
function digitCount(value: u32): i32 {
  const guess = ((32 - clz(value | 1)) * 1233) >> 12;
  return guess + i32((value | 1) >= powerU32(guess));
}

/**
 * Eight decimal digits as bytes 0..9, the first in the lowest byte: halves, then pairs, then digits, all lanes at once.
 */
@inline
function digitBytes(value: u32): u64 {
  const high = value / 10000;
  let lanes = <u64>high | (<u64>(value - high * 10000) << 32);
  const hundreds = ((lanes * 10486) >> 20) & 0x0000007f0000007f;
  lanes = hundreds | ((lanes - hundreds * 100) << 16);
  const tens = ((lanes * 103) >> 10) & 0x000f000f000f000f;
  return tens | ((lanes - tens * 10) << 8);
}

/** The upper 32 bits of factor * scaled / 2^64 with the lowest bit set if anything but a rounding error was cut off. */
@inline
function roundToOdd(factor: u64, scaled: u32): u32 {
  const low = (factor & 0xffffffff) * scaled;
  const high = (factor >> 32) * scaled + (low >> 32);
  return <u32>(high >> 32) | u32(<u32>high > 1);
}

/** Writes nine digits' worth of `nineDigits` without trailing zeros, the decimal point after `point` digits. */
@inline
function writeDecimal(p: usize, nineDigits: u32, point: i32): usize {
  const first = nineDigits / 100000000;
  const rest = digitBytes(nineDigits - first * 100000000);
  const digits = rest == 0 ? 1 : 9 - <i32>(clz(rest) >> 3);
  if (point <= 0 && point > -6) {
    store<u64>(p, ZERO_POINT_ZEROS);
    p += <usize>(2 - point);
    store<u8>(p, first + 0x30);
    store<u64>(p + 1, rest | ZERO_DIGITS);
    return p + <usize>digits;
  }
  store<u8>(p, first + 0x30);
  store<u64>(p + 1, rest | ZERO_DIGITS);
  if (point > 21 || point <= 0) return writeExponent(p, digits, point - 1);
  if (digits <= point) {
    store<u64>(p + 9, ZERO_DIGITS);
    store<u64>(p + 17, ZERO_DIGITS);
    return p + <usize>point;
  }
  const fraction = p + <usize>point;
  store<u64>(fraction + 1, load<u64>(fraction));
  store<u8>(fraction, 0x2e);
  return p + <usize>digits + 1;
}

/** Turns the digits at `p` into d.dddde-x. */
function writeExponent(p: usize, digits: i32, exponent: i32): usize {
  if (digits > 1) {
    store<u64>(p + 2, load<u64>(p + 1));
    store<u8>(p + 1, 0x2e);
    ++p;
  }
  p += <usize>digits;
  store<u8>(p, 0x65);
  store<u8>(p + 1, exponent < 0 ? 0x2d : 0x2b);
  p += 2;
  exponent = abs(exponent);
  if (exponent >= 10) {
    store<u8>(p++, 0x30 + exponent / 10);
    exponent %= 10;
  }
  store<u8>(p, 0x30 + exponent);
  return p + 1;
}

/** Writes a decimal of up to nine digits times 10^exponent. */
@inline
function writeScaled(p: usize, decimal: u32, exponent: i32): usize {
  const digits = digitCount(decimal);
  return writeDecimal(p, decimal * powerU32(9 - digits), digits + exponent);
}

/** Writes a finite positive float32 given as its bits. Names follow figure 4 of the paper. */
@inline
function writePositive(p: usize, bits: u32): usize {
  const fraction = bits & 0x7fffff;
  const biased = <i32>(bits >> 23);
  const c = biased != 0 ? fraction | 0x800000 : fraction;
  const q = (biased != 0 ? biased : 1) - 150;
  // An integer below 2^24 is its own shortest decimal.
  if (q <= 0 && q > -24 && (c & ((1 << -q) - 1)) == 0) return writeScaled(p, c >> -q, 0);
  const odd: u32 = c & 1;
  // Below a power of two the neighbour is only half as far away.
  const closer = i32(fraction == 0 && biased > 1);
  const k = (q * 1262611 - closer * 524031) >> 22;
  const h = q + ((-k * 1741647) >> 19) + 1;
  const factor = load<u64>(POWERS_G + (<usize>(-k - LOWEST_POWER_G) << 3));
  const lower = roundToOdd(factor, (4 * c - 2 + closer) << h) + odd;
  const middle = roundToOdd(factor, (4 * c) << h);
  const upper = roundToOdd(factor, (4 * c + 2) << h) - odd;
  const s: u32 = middle >> 2;
  if (s >= 10) {
    const tens: u32 = s / 10;
    const downInside = lower <= tens * 40;
    const upInside = tens * 40 + 40 <= upper;
    if (downInside != upInside) return writeScaled(p, tens + u32(upInside), k + 1);
  }
  const downInside = lower <= s * 4;
  const upInside = s * 4 + 4 <= upper;
  if (downInside != upInside) return writeScaled(p, s + u32(upInside), k);
  const half: u32 = s * 4 + 2;
  return writeScaled(p, s + u32(middle > half || (middle == half && (s & 1) != 0)), k);
}

@inline
function writeFloat(p: usize, bits: u32): usize {
  if (bits == 0 || bits == ONE_BITS) {
    store<u8>(p, bits == 0 ? 0x30 : 0x31);
    return p + 1;
  }
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) {
    store<u32>(p, NULL_TEXT);
    return p + 4;
  }
  store<u8>(p, 0x2d);
  p += <usize>(bits >> 31);
  if (magnitude == 0) {
    store<u8>(p, 0x30);
    return p + 1;
  }
  return writePositive(p, magnitude);
}

/** Writes the digits of an unsigned integer. */
@inline
function writeUnsigned(p: usize, value: u32): usize {
  let digits = 9;
  if (value >= 1000000000) {
    const first = value / 1000000000;
    store<u8>(p++, first + 0x30);
    value -= first * 1000000000;
  } else {
    digits = digitCount(value);
    value *= powerU32(9 - digits);
  }
  const first = value / 100000000;
  store<u8>(p, first + 0x30);
  store<u64>(p + 1, digitBytes(value - first * 100000000) | ZERO_DIGITS);
  return p + <usize>digits;
}

// The printer's position in the nested arrays; valid within one call only. Rows are counted through all arrays.
let columnNow: i32 = 0;
let rowNow: i32 = 0;

/** Opens the arrays before the very first element. */
function writeOpening(p: usize, depth: i32): usize {
  for (let i = 0; i < depth; ++i) store<u8>(p++, 0x5b);
  return p;
}

/** Closes a row and the arrays that end with it, and opens as many. */
function writeRowBreak(p: usize, rank: i32): usize {
  columnNow = 0;
  let ended = ++rowNow;
  let axis = rank - 2;
  // The outermost array ends with the last element only.
  for (; axis > 0; --axis) {
    const size = load<i32>(SIZES + (<usize>axis << 2));
    if (ended % size != 0) break;
    ended /= size;
    store<u8>(p++, 0x5d);
  }
  // "],["
  store<u16>(p, 0x2c5d);
  store<u8>(p + 2, 0x5b);
  return writeOpening(p + 3, rank - 2 - axis);
}

/**
 * Prints up to `count` floats from VALUES to TEXT and returns how many fitted. The separator is printed before an
 * element, so a slice may end after any element. Reads the sizes of all axes but the first and the last from SIZES.
 *
 * @param opening the rank for the first slice, -1 for the others
 * @param column the number of elements of the current row that are already printed
 * @param row the number of rows before the current one
 */
export function printFloatSlice(count: i32, opening: i32, column: i32, row: i32, columns: i32, rank: i32): i32 {
  const limit = TEXT + TEXT_BYTES - ELEMENT_BYTES_MAX;
  const end = VALUES + (<usize>count << 2);
  let value = VALUES;
  let p = writeOpening(TEXT, opening);
  columnNow = column;
  rowNow = row;
  let separated = opening >= 0;
  while (value < end && p <= limit) {
    const bits = load<u32>(value);
    if (columnNow == columns) {
      p = writeRowBreak(p, rank);
    } else if (!separated) {
      if (bits == 0) {
        if (columnNow + 4 <= columns && value + 16 <= end && !v128.any_true(v128.load(value))) {
          store<u64>(p, COMMA_ZERO_FOUR);
          p += 8;
          value += 16;
          columnNow += 4;
        } else {
          store<u16>(p, COMMA_ZERO);
          p += 2;
          value += 4;
          ++columnNow;
        }
        continue;
      }
      store<u8>(p++, 0x2c);
    }
    separated = false;
    p = writeFloat(p, bits);
    value += 4;
    ++columnNow;
  }
  store<i32>(LENGTH, <i32>(p - TEXT));
  return <i32>((value - VALUES) >> 2);
}

/** The same for 32-bit integers, signed if `signed` is 1. */
export function printIntegerSlice(count: i32, opening: i32, column: i32, row: i32, columns: i32, rank: i32, signed: i32): i32 {
  const limit = TEXT + TEXT_BYTES - ELEMENT_BYTES_MAX;
  const end = VALUES + (<usize>count << 2);
  let value = VALUES;
  let p = writeOpening(TEXT, opening);
  columnNow = column;
  rowNow = row;
  let separated = opening >= 0;
  while (value < end && p <= limit) {
    if (columnNow == columns) p = writeRowBreak(p, rank);
    else if (!separated) store<u8>(p++, 0x2c);
    separated = false;
    let bits = load<u32>(value);
    if (signed && <i32>bits < 0) {
      store<u8>(p++, 0x2d);
      bits = 0 - bits;
    }
    p = writeUnsigned(p, bits);
    value += 4;
    ++columnNow;
  }
  store<i32>(LENGTH, <i32>(p - TEXT));
  return <i32>((value - VALUES) >> 2);
}
