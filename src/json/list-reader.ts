/**
 * Reads a JSON array of scalars, element by element and a slice at a time, white space included. Subclasses read the
 * elements.
 */
import type { ArrayReader } from './array-reader.js';

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Bytes and elements of one step: a small part of the time that one turn may take. */
const stepBytes = 2 ** 14;
const stepElements = 1024;
/** Cost of an element in addition to its bytes, in bytes of ordinary text. */
const elementCost = 8;

export abstract class ListReader<Value> implements ArrayReader<Value> {
  abstract readonly expected: string;
  protected readonly body: Buffer;
  /** Elements read. */
  protected count = 0;
  readonly #countMax: number;
  #position: number;
  /** Whether a comma or the closing bracket must come next. */
  #afterElement = false;
  #finished = false;
  #failed = false;

  /**
   * @param position the byte after the array's opening bracket
   * @param countMax maximum number of elements; the reader fails at the next one
   */
  constructor(body: Buffer, position: number, countMax: number) {
    this.body = body;
    this.#position = position;
    this.#countMax = countMax;
  }

  abstract value(): Value;
  abstract release(): void;

  /** Reads the element at `start`. Returns the byte after it, or -1 if there is no such element. */
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

  /** Reads white space up to `end`, and the element or punctuation after it. */
  #advance(end: number): void {
    const offset = this.#skipSpace(end);
    this.#position = offset;
    if (offset === end) return;
    const byte = this.body[offset];
    if (byte === CLOSE && (this.#afterElement || this.count === 0)) {
      this.#finished = true;
      this.#position = offset + 1;
    } else if (this.#afterElement) {
      this.#failed = byte !== COMMA;
      this.#afterElement = false;
      if (!this.#failed) this.#position = offset + 1;
    } else {
      this.#element(offset);
    }
  }

  #element(start: number): void {
    const next = this.count === this.#countMax ? -1 : this.readElement(start);
    if (next < 0) {
      this.#failed = true;
      return;
    }
    this.count += 1;
    this.#position = next;
    this.#afterElement = true;
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
