/**
 * Reads a JSON array of seeds into a SeedList, a slice at a time. Seeds are numbers or strings of digits. JSON.parse
 * would make an object of each string and block the event loop: there may be 65,536 of them.
 */
import { isUtf8 } from 'node:buffer';
import { nextTurn } from '../runtime/event-loop-turns.js';
import type { Memory } from './array-reader.js';
import type { EntryShape } from './entry-list.js';
import { ListReader } from './list-reader.js';
import { SeedList, type WrongSeed, writeDigits, writeNumber } from './seed-list.js';

/** At most this many invalid seeds are recorded: as many errors as one reply has. */
const wrongMax = 10;
/** A legal seed has at most 20 digits, each at most six bytes long as an escape. A longer token is not a seed. */
const tokenBytesMax = 256;
/** A number of this many digits is exact in float64. */
const exactDigitsMax = 15;
/** Cost of one turn of `readSeeds`, in bytes of ordinary text. */
const turnBytesMax = 131_072;
/** Minimum bytes of text per seed: a digit and a comma. */
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
   * @param position the byte after the array's opening bracket
   * @param axesMax maximum nesting depth
   * @param countMax maximum number of seeds; the reader fails at the next one
   */
  constructor(body: Buffer, position: number, axesMax: number, countMax: number, memory: Memory) {
    super(body, position, axesMax, countMax);
    this.#memory = memory;
    const room = Math.min(countMax, Math.ceil((body.length - position) / elementBytesMin));
    // Seeds outlive the buffer of the body: the reply repeats them.
    this.#bytes = 8 * room + Math.ceil(room / 8);
    memory.hold(this.#bytes);
    this.#words = new Uint32Array(2 * room);
    this.#strings = new Uint8Array(Math.ceil(room / 8));
  }

  /** @param shape that of the array when absent */
  override value(shape: EntryShape = this.shape): SeedList {
    return new SeedList(this.#words.subarray(0, 2 * this.count), this.#strings, this.#wrong, shape);
  }

  override release(): void {
    this.#memory.free(this.#bytes);
  }

  protected override readElement(start: number): number {
    const isString = this.body[start] === QUOTE;
    const end = isString ? this.#endOfString(start) : this.#endOfNumber(start);
    if (end < 0) return -1;
    const offset = 2 * this.count;
    if (isString) this.#strings[this.count >> 3] = this.#strings[this.count >> 3] | (1 << (this.count & 7));
    const digits = isString
      ? this.body.toString('latin1', start + 1, end - 1)
      : this.body.toString('latin1', start, end);
    const exact = isString || digits.length <= exactDigitsMax;
    if (exact && writeDigits(digits, this.#words, offset)) return end;
    return this.#readUnusual(start, end, offset) ? end : -1;
  }

  /**
   * Reads a number with a sign, a point or an exponent, a string with escapes, or an invalid seed. Returns false if the
   * token is not JSON.
   */
  #readUnusual(start: number, end: number, offset: number): boolean {
    const value = parse(this.body, start, end);
    if (value === undefined) return false;
    const words = this.#words;
    const right = typeof value === 'number' ? writeNumber(value, words, offset) : writeDigits(value, words, offset);
    const kind = typeof value === 'number' ? 'number' : 'string';
    if (!right && this.#wrong.length < wrongMax) this.#wrong.push({ row: this.count, kind });
    return true;
  }

  /** The byte after the closing quote of a string, or -1. */
  #endOfString(start: number): number {
    const end = Math.min(this.body.length, start + tokenBytesMax);
    for (let position = start + 1; position < end; position++) {
      const byte = this.body[position];
      if (byte === QUOTE) return position + 1;
      if (byte === BACKSLASH) position++;
    }
    return -1;
  }

  /** The byte after the characters of a number, or -1 if there are none. */
  #endOfNumber(start: number): number {
    const end = Math.min(this.body.length, start + tokenBytesMax);
    let position = start;
    while (position < end && isInNumber(this.body[position])) position++;
    return position === start || position === end ? -1 : position;
  }
}

function isInNumber(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  return isDigit || byte === 0x2d || byte === 0x2e || byte === 0x2b || (byte | 0x20) === 0x65;
}

/** The number or string in bytes [start, end), or undefined if they are neither. */
function parse(body: Buffer, start: number, end: number): number | string | undefined {
  if (!isUtf8(body.subarray(start, end))) return undefined;
  try {
    return JSON.parse(body.toString('utf8', start, end)) as number | string;
  } catch {
    return undefined;
  }
}

/**
 * Reads the seeds of a text that is one array of numbers, nested or not, as a flat list, in several turns of the event
 * loop if it is long; undefined if one of them is not an integer.
 *
 * @param axes its number of axes
 * @param count the number of seeds
 */
export async function readSeeds(
  text: Buffer,
  axes: number,
  count: number,
  memory: Memory,
): Promise<SeedList | undefined> {
  const reader = new SeedReader(text, 1, axes, count, memory);
  let cost = 0;
  while (!reader.finished) {
    cost += reader.step();
    if (cost < turnBytesMax) continue;
    cost = 0;
    await nextTurn();
  }
  return reader.failed ? undefined : reader.value({ shape: [count], raggedPath: undefined });
}
