/**
 * Reads a JSON array of seeds from a body into a SeedList, a slice at a time. Seeds are numbers or strings of digits;
 * JSON.parse would make an object of each string, and hold the thread for milliseconds over 65,536 of them.
 */
import { isUtf8 } from 'node:buffer';
import { nextTurn } from '../runtime/event-loop-turns.js';
import type { Memory } from './array-reader.js';
import { ListReader } from './list-reader.js';
import { SeedList, type WrongSeed, writeDigits, writeNumber } from './seed-list.js';

/** Seeds are named as wrong up to this many: as many as one reply names. */
const wrongMax = 10;
/** A legal seed has 20 digits, each of which an escape may spell in six bytes. A longer token is none. */
const tokenBytesMax = 256;
/** Digits of a number that is exact in float64. */
const exactDigitsMax = 15;
/** Cost of one turn of `readSeeds`: about a millisecond. */
const turnBytesMax = 131_072;
/** A seed and its comma take at least so many bytes of text. */
const elementBytesMin = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class SeedReader extends ListReader<SeedList> {
  override readonly expected = 'must be an integer or a string of decimal digits';
  readonly #memory: Memory;
  readonly #bytes: number;
  readonly #words: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #wrong: WrongSeed[] = [];

  /**
   * @param position the byte behind the array's opening bracket
   * @param countMax seeds at most; a longer array is not read on
   */
  constructor(body: Buffer, position: number, countMax: number, memory: Memory) {
    super(body, position, countMax);
    this.#memory = memory;
    const room = Math.min(countMax, Math.ceil((body.length - position) / elementBytesMin));
    // Seeds are read again when the reply repeats them, after the body has been given back.
    this.#bytes = 8 * room + Math.ceil(room / 8);
    memory.hold(this.#bytes);
    this.#words = new Uint32Array(2 * room);
    this.#strings = new Uint8Array(Math.ceil(room / 8));
  }

  override value(): SeedList {
    return new SeedList(this.count, this.#words.subarray(0, 2 * this.count), this.#strings, this.#wrong);
  }

  override release(): void {
    this.#memory.free(this.#bytes);
  }

  protected override readElement(start: number): number {
    const isString = this.body[start] === QUOTE;
    const end = isString ? this.#endOfString(start) : this.#endOfNumber(start);
    if (end < 0) return -1;
    const at = 2 * this.count;
    if (isString) this.#strings[this.count >> 3] = (this.#strings[this.count >> 3] as number) | (1 << (this.count & 7));
    const digits = isString
      ? this.body.toString('latin1', start + 1, end - 1)
      : this.body.toString('latin1', start, end);
    const exact = isString || digits.length <= exactDigitsMax;
    if (exact && writeDigits(digits, this.#words, at)) return end;
    return this.#readUnusual(start, end, at) ? end : -1;
  }

  /**
   * Reads a number with a sign, a point or an exponent, a string with escapes, or what is no seed; false where it is no
   * JSON.
   */
  #readUnusual(start: number, end: number, at: number): boolean {
    const value = parse(this.body, start, end);
    if (value === undefined) return false;
    const words = this.#words;
    const right = typeof value === 'number' ? writeNumber(value, words, at) : writeDigits(value, words, at);
    const kind = typeof value === 'number' ? 'number' : 'string';
    if (!right && this.#wrong.length < wrongMax) this.#wrong.push({ row: this.count, kind });
    return true;
  }

  /** The byte behind the closing quote of a string, or -1. */
  #endOfString(start: number): number {
    const end = Math.min(this.body.length, start + tokenBytesMax);
    for (let position = start + 1; position < end; position++) {
      const byte = this.body[position];
      if (byte === QUOTE) return position + 1;
      if (byte === BACKSLASH) position++;
    }
    return -1;
  }

  /** The byte behind the letters of a number, or -1 where there are none. */
  #endOfNumber(start: number): number {
    const end = Math.min(this.body.length, start + tokenBytesMax);
    let position = start;
    while (position < end && isInNumber(this.body[position] as number)) position++;
    return position === start || position === end ? -1 : position;
  }
}

function isInNumber(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  return isDigit || byte === 0x2d || byte === 0x2e || byte === 0x2b || (byte | 0x20) === 0x65;
}

/** The number or string between two places, or undefined where there is none. */
function parse(body: Buffer, start: number, end: number): number | string | undefined {
  if (!isUtf8(body.subarray(start, end))) return undefined;
  try {
    return JSON.parse(body.toString('utf8', start, end)) as number | string;
  } catch {
    return undefined;
  }
}

/**
 * The seeds of a text that is one array of numbers, read in turns of the event loop; undefined where it is none, or
 * nested.
 *
 * @param count how many there are
 */
export async function readSeeds(text: Buffer, count: number, memory: Memory): Promise<SeedList | undefined> {
  const reader = new SeedReader(text, 1, count, memory);
  let cost = 0;
  while (!reader.finished) {
    cost += reader.step();
    if (cost < turnBytesMax) continue;
    cost = 0;
    await nextTurn();
  }
  return reader.failed ? undefined : reader.value();
}
