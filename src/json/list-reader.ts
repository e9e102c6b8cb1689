/**
 * Walks a JSON array of plain values from element to element, a slice at a time, white space included. What an element
 * is, and where it goes, is for those who extend it.
 */
import type { ArrayReader } from './array-reader.js';

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Bytes and elements of one step: a tenth of a millisecond. */
const stepBytes = 2 ** 14;
const stepElements = 1024;
/** What an element costs beside its bytes, in bytes of ordinary text. */
const elementCost = 8;

export abstract class ListReader<Value> implements ArrayReader<Value> {
  abstract readonly expected: string;
  protected readonly body: Buffer;
  /** Elements read. */
  protected count = 0;
  readonly #countMax: number;
  #position: number;
  /** Whether a comma or the end comes next. */
  #behindElement = false;
  #finished = false;
  #failed = false;

  /**
   * @param position the byte behind the array's opening bracket
   * @param countMax elements at most; a longer array is not read on
   */
  constructor(body: Buffer, position: number, countMax: number) {
    this.body = body;
    this.#position = position;
    this.#countMax = countMax;
  }

  abstract value(): Value;
  abstract release(): void;

  /** Takes the element that begins at `start`, and returns the byte behind it, or -1 where there is no such element. */
  protected abstract readElement(start: number): number;

  get position(): number {
    return this.#position;
  }

  get finished(): boolean {
    return this.#finished || this.#failed;
  }

  get failed(): boolean {
    return this.#failed;
  }

  get tooDeep(): boolean {
    return this.#failed && this.body[this.#position] === OPEN;
  }

  get tooMany(): boolean {
    return this.#failed && this.count === this.#countMax;
  }

  path(): number[] {
    return [this.count];
  }

  step(): number {
    const start = this.#position;
    const first = this.count;
    const end = start + stepBytes;
    while (!this.finished && this.#position < end && this.count < first + stepElements) this.#advance(end);
    return this.#position - start + (this.count - first) * elementCost;
  }

  /** Reads white space up to `end`, and the element or punctuation behind it. */
  #advance(end: number): void {
    const at = this.#skipSpace(end);
    this.#position = at;
    if (at === end) return;
    const byte = this.body[at];
    if (byte === CLOSE && (this.#behindElement || this.count === 0)) {
      this.#finished = true;
      this.#position = at + 1;
    } else if (this.#behindElement) {
      this.#failed = byte !== COMMA;
      this.#behindElement = false;
      if (!this.#failed) this.#position = at + 1;
    } else {
      this.#element(at);
    }
  }

  #element(at: number): void {
    const behind = this.count === this.#countMax ? -1 : this.readElement(at);
    if (behind < 0) {
      this.#failed = true;
      return;
    }
    this.count += 1;
    this.#position = behind;
    this.#behindElement = true;
  }

  #skipSpace(end: number): number {
    const { body } = this;
    let position = this.#position;
    let byte = body[position];
    while ((byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) && position < end) {
      byte = body[++position];
    }
    return position;
  }
}
