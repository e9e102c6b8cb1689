/**
 * Reads a JSON array of scalars, nested or not, element by element and a slice at a time, white space included.
 * Subclasses read the elements.
 */
import type { ArrayReader } from './array-reader.js';
import { ListShape } from './list-shape.js';

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
  protected readonly shape = new ListShape();
  /** Elements read, of all arrays. */
  protected count = 0;
  readonly #axesMax: number;
  readonly #countMax: number;
  #position: number;
  /** Whether a comma or a closing bracket must come next. */
  #afterElement = false;
  /** Whether a closing bracket may come next although no element has ended. */
  #opened = true;
  #finished = false;
  #failed = false;
  #tooDeep = false;

  /**
   * @param position the byte after the array's opening bracket
   * @param axesMax maximum nesting depth
   * @param countMax maximum number of elements; the reader fails at the next one
   */
  constructor(body: Buffer, position: number, axesMax: number, countMax: number) {
    this.body = body;
    this.#position = position;
    this.#axesMax = axesMax;
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
    return this.#tooDeep;
  }

  get tooMany(): boolean {
    return this.#failed && !this.#tooDeep && this.count === this.#countMax;
  }

  path(): number[] {
    return this.shape.path();
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
    if (byte === CLOSE && (this.#afterElement || this.#opened)) {
      this.#finished = this.shape.close();
      this.#pass(offset + 1, true);
    } else if (this.#afterElement) {
      if (byte === COMMA) this.#pass(offset + 1, false);
      else this.#failed = true;
    } else if (byte === OPEN) {
      this.#open(offset);
    } else {
      this.#element(offset);
    }
  }

  /** Goes on after an element, an array or a comma. */
  #pass(position: number, afterElement: boolean): void {
    this.#position = position;
    this.#afterElement = afterElement;
    this.#opened = false;
  }

  #open(start: number): void {
    this.#tooDeep = this.shape.depth + 1 >= this.#axesMax;
    this.#failed = this.#tooDeep || !this.shape.mayOpen();
    if (this.#failed) return;
    this.shape.open();
    this.#position = start + 1;
    this.#opened = true;
  }

  #element(start: number): void {
    const next = this.count === this.#countMax || !this.shape.mayAdd() ? -1 : this.readElement(start);
    if (next < 0) {
      this.#failed = true;
      return;
    }
    this.count += 1;
    this.shape.add();
    this.#pass(next, true);
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
