/**
 * Reads a JSON array of numbers into a NumberMatrix, a slice at a time, with the WebAssembly parser. All numbers,
 * however nested, go into one buffer of at most 2.5 bytes per byte of text (5 while it grows). The reader keeps the
 * state between slices; body-scan.ts decides whether the array becomes a matrix or stays in the text for JSON.parse.
 */
import type { ArrayReader, Memory } from './array-reader.js';
import {
  axesMost,
  codec,
  Field,
  fields,
  fieldsFrom,
  floatValues,
  hardTokens,
  State,
  text,
  textBytesMax,
} from './codec-instance.js';
import { LongNumber } from './long-number.js';
import { NumberMatrix } from './number-matrix.js';

/** The first slice is short: otherwise a body of many tiny arrays would copy 64 KiB for each of them. */
const firstSliceBytes = 1024;
const sliceGrowth = 8;
/** A slice must have room for "null" and the byte after it. */
export const sliceBytesMin = 8;
/** Cost of rounding a hard token, in bytes of ordinary text. */
const hardTokenCost = 256;

const MINUS = 0x2d;
const NUL = 0;
/**
 * Arrays with fewer values (32 KiB) get memory from the garbage collector: a buffer pool would cost more than the
 * allocation.
 */
const fewValues = 8192;
const noValues = new Float32Array(0);

/** Minimum bytes of text per value: a digit and the comma after it. */
const textBytesPerValueMin = 2;

export class MatrixReader implements ArrayReader<NumberMatrix> {
  readonly expected = 'must be a number or null';
  /** The size of the body already limits the count. */
  readonly tooMany = false;
  readonly #body: Buffer;
  readonly #start: number;
  readonly #axesMax: number;
  readonly #sliceBytesMax: number;
  readonly #memory: Memory;
  #sliceBytes: number;
  #position: number;
  #state: number = State.opened;
  /** The state of the codec between slices. Most arrays are read in one slice and have none. */
  #fields: Int32Array | undefined;
  /** The shape of a finished array. */
  #shape: readonly number[] = [];
  #raggedPath: readonly number[] | undefined;
  #nullCount = 0;
  #infiniteCount = 0;
  /** The values so far, with room for more. An array read in one slice has exactly its length. */
  #values = noValues;
  /** The pooled buffer under the values, unless they are few. */
  #buffer: ArrayBuffer | undefined;
  #valueCount = 0;
  #longNumber: LongNumber | undefined;
  #longPosition = 0;

  /**
   * @param position the byte after the array's opening bracket
   * @param axesMax maximum nesting depth, 1 to 9
   */
  constructor(body: Buffer, position: number, axesMax: number, sliceBytesMax: number, memory: Memory) {
    if (axesMax > axesMost) throw new Error(`axesMax is ${axesMax}, above ${axesMost}. This is a bug.`);
    this.#body = body;
    this.#start = position;
    this.#position = position;
    this.#axesMax = axesMax;
    this.#sliceBytesMax = sliceBytesMax;
    this.#memory = memory;
    this.#sliceBytes = Math.min(firstSliceBytes, sliceBytesMax);
  }

  get position(): number {
    return this.#position;
  }

  /** Whether the array has other values than numbers and nulls, is nested unevenly or is nested too deep. */
  get failed(): boolean {
    return this.#state > State.done;
  }

  get tooDeep(): boolean {
    return this.#state === State.deep;
  }

  get finished(): boolean {
    return this.#state >= State.done;
  }

  step(): number {
    if (this.#longNumber !== undefined) return this.#readLong(this.#longNumber);
    return this.#readSlice();
  }

  path(): number[] {
    // An array that has failed has been parsed up to there.
    const saved = this.#fields as Int32Array;
    const depth = saved[Field.depth];
    return [...saved.subarray(Field.counts, Field.counts + depth), saved[Field.column]];
  }

  value(): NumberMatrix {
    if (this.#state !== State.done) throw new Error('value() was called before the array was read. This is a bug.');
    const count = this.#raggedPath ? 0 : this.#valueCount;
    return new NumberMatrix({
      shape: this.#shape,
      data: count === this.#values.length ? this.#values : this.#values.subarray(0, count),
      nullCount: this.#nullCount,
      infiniteCount: this.#infiniteCount,
      raggedPath: this.#raggedPath,
    });
  }

  release(): void {
    if (this.#buffer) this.#memory.give(this.#buffer);
    this.#buffer = undefined;
    this.#values = noValues;
  }

  #readSlice(): number {
    const start = this.#position;
    const length = Math.min(this.#sliceBytes, this.#body.length - start);
    this.#body.copy(text, 0, start, start + length);
    const consumed = this.#parse(length);
    this.#position = start + consumed;
    if (this.#state >= State.done) return consumed + fields[Field.hardCount] * hardTokenCost;
    if (start + length === this.#body.length) {
      // The body ends inside the array, unless the codec stopped only to let the host round its hard tokens.
      if (consumed === 0 || fields[Field.hardCount] === 0) this.#state = State.other;
    } else if (consumed === 0) {
      this.#beginLong();
    }
    this.#sliceBytes = Math.min(this.#sliceBytes * sliceGrowth, this.#sliceBytesMax);
    return length + fields[Field.hardCount] * hardTokenCost;
  }

  /** Parses the text in the codec's memory and stores the values. Returns the number of bytes consumed. */
  #parse(length: number): number {
    text[length] = NUL;
    if (this.#fields) fields.set(this.#fields);
    codec.parseSlice(length, this.#fields ? 0 : this.#axesMax);
    if (fields[Field.hardCount] > 0) this.#roundHardTokens();
    this.#state = fields[Field.state];
    if (this.#state === State.done) this.#readShape();
    else if (this.#fields) this.#fields.set(fields);
    else this.#fields = fields.slice();
    this.#nullCount += fields[Field.nulls];
    this.#infiniteCount += fields[Field.infinites];
    const count = fields[Field.count];
    if (count > 0) this.#store(count);
    return fields[Field.consumed];
  }

  #readShape(): void {
    const raggedRank = fields[Field.raggedRank];
    this.#shape = fieldsFrom(Field.sizes, fields[Field.rank]);
    if (raggedRank > 0) this.#raggedPath = fieldsFrom(Field.raggedPath, raggedRank);
  }

  /** Stores the values that the codec has parsed. Most arrays are short and need no pooled memory. */
  #store(count: number): void {
    const end = this.#valueCount + count;
    if (this.#valueCount === 0 && this.#state === State.done && count < fewValues) {
      this.#values = floatValues.slice(0, count);
    } else {
      if (end > this.#values.length) this.#grow(end, fields[Field.consumed]);
      this.#values.set(floatValues.subarray(0, count), this.#valueCount);
    }
    this.#valueCount = end;
  }

  /**
   * Makes room for `needed` values and for as many more as the remaining text probably contains. The remaining text
   * contains at most one value per two bytes.
   */
  #grow(needed: number, consumed: number): void {
    const read = this.#position - this.#start + consumed;
    const left = this.#body.length - this.#position;
    const likely = needed + Math.ceil((needed / Math.max(read, 1)) * left * 1.125);
    const most = needed + Math.ceil(left / textBytesPerValueMin);
    const buffer = this.#memory.take(4 * Math.min(Math.max(likely, 2 * this.#values.length), most));
    const larger = new Float32Array(buffer);
    larger.set(this.#values.subarray(0, this.#valueCount));
    this.release();
    this.#buffer = buffer;
    this.#values = larger;
  }

  #roundHardTokens(): void {
    const end = fields[Field.hardCount] * 3;
    for (let entry = 0; entry < end; entry += 3) {
      const value = Math.fround(Number(text.toString('latin1', hardTokens[entry + 1], hardTokens[entry + 2])));
      floatValues[hardTokens[entry]] = value;
      if (!Number.isFinite(value)) this.#infiniteCount++;
    }
  }

  /**
   * A token fills the whole slice: it is either a number longer than a slice, or a run of points and letters that is
   * not a number.
   */
  #beginLong(): void {
    const byte = this.#body[this.#position];
    if (byte !== MINUS && (byte < 0x30 || byte > 0x39)) {
      this.#state = State.other;
      return;
    }
    this.#longNumber = new LongNumber();
    this.#longPosition = this.#position;
  }

  #readLong(longNumber: LongNumber): number {
    const start = this.#longPosition;
    const end = Math.min(start + textBytesMax, this.#body.length);
    this.#longPosition = longNumber.read(this.#body, start, end);
    const cost = this.#longPosition - start;
    if (this.#longPosition === end && end < this.#body.length) return cost;
    this.#longNumber = undefined;
    if (this.#longPosition === this.#body.length || !longNumber.complete) {
      this.#state = State.other;
      return cost;
    }
    return cost + this.#parseSpelled(longNumber.spell());
  }

  /** Lets the codec parse the short spelling and the byte that ended the number. */
  #parseSpelled(spelling: string): number {
    const length = text.write(spelling, 0, 'latin1');
    text[length] = this.#body[this.#longPosition];
    const consumed = this.#parse(length + 1);
    // A digit after a leading 0 makes the codec reject the whole token.
    if (consumed < length) this.#state = State.other;
    this.#position = this.#longPosition + consumed - length;
    return hardTokenCost;
  }
}
