/** Reads a JSON array of true and false into bytes, a slice at a time. */
import type { Memory } from './array-reader.js';
import { EntryList, type EntryShape } from './entry-list.js';
import { ListReader } from './list-reader.js';

/** An array of true and false: uint8, 1 for true. */
export class FlagList extends EntryList {
  readonly flags: Uint8Array;

  constructor(flags: Uint8Array, shape: EntryShape) {
    super(flags.length, shape);
    this.flags = flags;
  }

  protected override textOf(index: number, separator: string): string {
    return `${separator}${this.flags[index] === 1}`;
  }
}

const LETTER_T = 0x74;
const LETTER_F = 0x66;
/** "true" and its comma. */
const elementBytesMin = 5;

/** Whether an array of flags may begin with this byte. */
export function beginsFlag(byte: number | undefined): boolean {
  return byte === LETTER_T || byte === LETTER_F;
}

export class FlagReader extends ListReader<FlagList> {
  override readonly expected = 'must be true or false';
  readonly #memory: Memory;
  readonly #buffer: ArrayBuffer;
  readonly #flags: Uint8Array;

  /**
   * @param position the byte after the array's opening bracket
   * @param axesMax maximum nesting depth
   * @param countMax maximum number of flags; the reader fails at the next one
   */
  constructor(body: Buffer, position: number, axesMax: number, countMax: number, memory: Memory) {
    super(body, position, axesMax, countMax);
    this.#memory = memory;
    this.#buffer = memory.take(Math.min(countMax, Math.ceil((body.length - position) / elementBytesMin)));
    this.#flags = new Uint8Array(this.#buffer);
  }

  override value(): FlagList {
    return new FlagList(this.#flags.subarray(0, this.count), this.shape);
  }

  override release(): void {
    this.#memory.give(this.#buffer);
  }

  protected override readElement(start: number): number {
    const isTrue = this.body[start] === LETTER_T;
    const word = isTrue ? 'true' : 'false';
    for (let index = 0; index < word.length; index++) {
      if (this.body[start + index] !== word.charCodeAt(index)) return -1;
    }
    this.#flags[this.count] = isTrue ? 1 : 0;
    return start + word.length;
  }
}
