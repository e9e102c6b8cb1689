/**
 * Seeds of a body: their 64 bits as words, and how each was spelled, so that a reply can repeat them without keeping
 * their text.
 */

/** A value that is no seed: a number or a string. */
export interface WrongSeed {
  readonly row: number;
  readonly kind: 'number' | 'string';
}

/** What an array of seeds becomes. */
export class SeedList {
  readonly count: number;
  /** uint32 [count, 2]: low and high word of each seed. */
  readonly words: Uint32Array;
  /** A bit for each seed that came as a string, the lowest first. */
  readonly #strings: Uint8Array;
  /** The first ten that are no seeds. */
  readonly wrong: readonly WrongSeed[];

  constructor(count: number, words: Uint32Array, strings: Uint8Array, wrong: readonly WrongSeed[]) {
    this.count = count;
    this.words = words;
    this.#strings = strings;
    this.wrong = wrong;
  }

  /** JSON of seeds [from, to), without brackets: numbers as numbers and strings as strings. */
  print(from: number, to: number): string {
    let text = '';
    for (let row = from; row < to; row++) {
      const quote = ((this.#strings[row >> 3] as number) >> (row & 7)) & 1 ? '"' : '';
      text += `${row > from ? ',' : ''}${quote}${decimalOf(this.words, 2 * row)}${quote}`;
    }
    return text;
  }
}

/** The decimal digits of the 64-bit number whose words begin at `at`. */
export function decimalOf(words: Uint32Array, at: number): string {
  const low = words[at] as number;
  const high = words[at + 1] as number;
  if (high < 2 ** 21) return String(high * 2 ** 32 + low);
  return String((BigInt(high) << 32n) | BigInt(low));
}

/** Writes the words of a number from 0 to 2^53 - 1; false for any other. */
export function writeNumber(value: number, words: Uint32Array, at: number): boolean {
  if (!Number.isSafeInteger(value) || value < 0) return false;
  words[at] = value % 2 ** 32;
  words[at + 1] = Math.floor(value / 2 ** 32);
  return true;
}

const digitsMax = 20;
const ZERO = 0x30;

/** Writes the words of decimal digits without leading zeros, up to 2^64 - 1; false for any other text. */
export function writeDigits(text: string, words: Uint32Array, at: number): boolean {
  const { length } = text;
  if (length === 0 || length > digitsMax || (length > 1 && text.charCodeAt(0) === ZERO)) return false;
  let low = 0;
  let high = 0;
  for (let place = 0; place < length; place++) {
    const digit = text.charCodeAt(place) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return false;
    low = low * 10 + digit;
    const carry = Math.floor(low / 2 ** 32);
    low -= carry * 2 ** 32;
    high = high * 10 + carry;
  }
  if (high >= 2 ** 32) return false;
  words[at] = low;
  words[at + 1] = high;
  return true;
}
