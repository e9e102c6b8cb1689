/**
 * Seeds of a body: their 64 bits as words, and whether each was a string. A reply can so repeat them without their
 * text.
 */
import { EntryList, type EntryShape } from './entry-list.js';

/** A number or string that is not a valid seed. */
export interface WrongSeed {
  /** Its index among all seeds. */
  readonly row: number;
  readonly kind: 'number' | 'string';
}

/** An array of seeds. */
export class SeedList extends EntryList {
  /** uint32 [count, 2]: low and high word of each seed. */
  readonly words: Uint32Array;
  /** Bit `row & 7` of byte `row >> 3` is 1 if that seed was a string. */
  readonly #strings: Uint8Array;
  /** The first ten invalid seeds. */
  readonly wrong: readonly WrongSeed[];

  constructor(words: Uint32Array, strings: Uint8Array, wrong: readonly WrongSeed[], shape: EntryShape) {
    super(words.length / 2, shape);
    this.words = words;
    this.#strings = strings;
    this.wrong = wrong;
  }

  /** Numbers stay numbers, strings stay strings. */
  protected override textOf(row: number, separator: string): string {
    const quote = (this.#strings[row >> 3] >> (row & 7)) & 1 ? '"' : '';
    return `${separator}${quote}${decimalOf(this.words, 2 * row)}${quote}`;
  }
}

/** The decimal digits of the 64-bit number whose words begin at `offset`. */
export function decimalOf(words: Uint32Array, offset: number): string {
  const low = words[offset];
  const high = words[offset + 1];
  if (high < 2 ** 21) return String(high * 2 ** 32 + low);
  return String((BigInt(high) << 32n) | BigInt(low));
}

/** Writes the words of a number from 0 to 2^53 - 1. Returns false for any other number. */
export function writeNumber(value: number, words: Uint32Array, offset: number): boolean {
  if (!Number.isSafeInteger(value) || value < 0) return false;
  words[offset] = value % 2 ** 32;
  words[offset + 1] = Math.floor(value / 2 ** 32);
  return true;
}

const digitsMax = 20;
const ZERO = 0x30;

/** Writes the words of decimal digits without leading zeros, up to 2^64 - 1. Returns false for any other text. */
export function writeDigits(text: string, words: Uint32Array, offset: number): boolean {
  const { length } = text;
  if (length === 0 || length > digitsMax || (length > 1 && text.charCodeAt(0) === ZERO)) return false;
  let low = 0;
  let high = 0;
  for (let index = 0; index < length; index++) {
    const digit = text.charCodeAt(index) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return false;
    low = low * 10 + digit;
    const carry = Math.floor(low / 2 ** 32);
    low -= carry * 2 ** 32;
    high = high * 10 + carry;
  }
  if (high >= 2 ** 32) return false;
  words[offset] = low;
  words[offset + 1] = high;
  return true;
}
