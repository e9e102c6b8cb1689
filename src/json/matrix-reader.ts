/**
 * Reads one JSON array of numbers from a body into a NumberMatrix, a slice at a time, through the WebAssembly parser. It
 * keeps the state between slices; whether the array ends up as a matrix or as plain JSON is parse-body.ts's business.
 */
import { codec, Field, fields, floatValues, hardTokens, State, text, textBytesMax } from './codec-instance.js';
import { LongNumber } from './long-number.js';
import { NumberMatrix } from './number-matrix.js';

/** The first slice is short, or a body of many tiny arrays would copy 64 KiB for each of them. */
const firstSliceBytes = 1024;
const sliceGrowth = 8;
/** A slice must hold "null" and something behind it. */
export const sliceBytesMin = 8;
/** What rounding a hard token costs, in bytes of ordinary text. */
const hardTokenCost = 256;

const MINUS = 0x2d;
const NUL = 0;

export class MatrixReader {
  readonly #body: Buffer;
  readonly #sliceBytesMax: number;
  #sliceBytes: number;
  #position: number;
  #state: number = State.opened;
  #rank = 0;
  #column = 0;
  #rows = 0;
  #columns = 0;
  #raggedRow = -1;
  #nullCount = 0;
  #infiniteCount = 0;
  /** Values parsed by earlier slices; the last slice's are taken straight from the codec when it is the only one. */
  readonly #parts: Float32Array[] = [];
  #valueCount = 0;
  #data: Float32Array | undefined;
  #joined: Float32Array | undefined;
  #joinedParts = 0;
  #joinedValues = 0;
  #longNumber: LongNumber | undefined;
  #longPosition = 0;

  /** `position` is the byte behind the array's opening bracket. */
  constructor(body: Buffer, position: number, sliceBytesMax: number) {
    this.#body = body;
    this.#position = position;
    this.#sliceBytesMax = sliceBytesMax;
    this.#sliceBytes = Math.min(firstSliceBytes, sliceBytesMax);
  }

  /** The byte behind the closing bracket once a matrix has been read. */
  get position(): number {
    return this.#position;
  }

  /** Whether the array turned out to be no array of numbers or nulls, nor an array of such arrays. */
  get failed(): boolean {
    return this.#state === State.other;
  }

  get finished(): boolean {
    return this.failed || this.#data !== undefined;
  }

  /** Does one slice of work and returns what it cost, in bytes of ordinary text. */
  step(): number {
    if (this.#longNumber !== undefined) return this.#readLong(this.#longNumber);
    if (this.#state === State.done) return this.#join();
    return this.#readSlice();
  }

  matrix(): NumberMatrix {
    if (this.#data === undefined) throw new Error('A matrix was asked for before it was read. This is a bug.');
    const rank = this.#rank === 2 ? 2 : 1;
    return new NumberMatrix({
      rank,
      rows: rank === 2 ? this.#rows : 1,
      columns: rank === 2 ? this.#columns : this.#column,
      data: this.#data,
      nullCount: this.#nullCount,
      infiniteCount: this.#infiniteCount,
      raggedRow: this.#raggedRow,
    });
  }

  #readSlice(): number {
    const start = this.#position;
    const length = Math.min(this.#sliceBytes, this.#body.length - start);
    this.#body.copy(text, 0, start, start + length);
    const consumed = this.#parse(length);
    this.#position = start + consumed;
    if (this.#state >= State.done) return this.#finishOnlySlice(consumed);
    if (start + length === this.#body.length) {
      // The body ends inside the array, unless the codec only stopped to have its hard tokens rounded.
      if (consumed === 0 || fields[Field.hardCount] === 0) this.#state = State.other;
    } else if (consumed === 0) {
      this.#beginLong();
    }
    this.#sliceBytes = Math.min(this.#sliceBytes * sliceGrowth, this.#sliceBytesMax);
    return length + fields[Field.hardCount] * hardTokenCost;
  }

  /** Most arrays fit one slice: their values need no joining. */
  #finishOnlySlice(consumed: number): number {
    if (this.#state === State.done && this.#parts.length <= 1) this.#data = this.#parts[0] ?? new Float32Array(0);
    return consumed + fields[Field.hardCount] * hardTokenCost;
  }

  /** Parses the text in the codec's memory and takes the values over. Returns how many bytes were used up. */
  #parse(length: number): number {
    text[length] = NUL;
    fields[Field.state] = this.#state;
    fields[Field.rank] = this.#rank;
    fields[Field.column] = this.#column;
    fields[Field.rows] = this.#rows;
    fields[Field.columns] = this.#columns;
    fields[Field.raggedRow] = this.#raggedRow;
    codec.parseSlice(length);
    if (fields[Field.hardCount] > 0) this.#roundHardTokens();
    this.#state = fields[Field.state];
    this.#rank = fields[Field.rank];
    this.#column = fields[Field.column];
    this.#rows = fields[Field.rows];
    this.#columns = fields[Field.columns];
    this.#raggedRow = fields[Field.raggedRow];
    this.#nullCount += fields[Field.nulls];
    this.#infiniteCount += fields[Field.infinites];
    const count = fields[Field.count];
    if (count > 0) {
      this.#parts.push(floatValues.slice(0, count));
      this.#valueCount += count;
    }
    return fields[Field.consumed];
  }

  #roundHardTokens(): void {
    const end = fields[Field.hardCount] * 3;
    for (let entry = 0; entry < end; entry += 3) {
      const value = Math.fround(Number(text.toString('latin1', hardTokens[entry + 1], hardTokens[entry + 2])));
      floatValues[hardTokens[entry]] = value;
      if (!Number.isFinite(value)) this.#infiniteCount++;
    }
  }

  /** A token fills the whole slice: a number too long for it, or a "null" that a longer slice will hold. */
  #beginLong(): void {
    const byte = this.#body[this.#position];
    if (byte !== MINUS && (byte < 0x30 || byte > 0x39)) return;
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

  /** Lets the codec parse the short spelling, followed by the one byte that ended the number. */
  #parseSpelled(spelling: string): number {
    const length = text.write(spelling, 0, 'latin1');
    text[length] = this.#body[this.#longPosition];
    const consumed = this.#parse(length + 1);
    // Another digit behind a leading 0 makes the codec refuse the token as a whole.
    if (consumed < length) this.#state = State.other;
    this.#position = this.#longPosition + consumed - length;
    if (this.#state >= State.done) this.#finishOnlySlice(consumed);
    return hardTokenCost;
  }

  /** Copies one part behind the others, so that joining a large matrix takes many short turns. */
  #join(): number {
    this.#joined ??= new Float32Array(this.#valueCount);
    const part = this.#parts[this.#joinedParts++];
    this.#joined.set(part, this.#joinedValues);
    this.#joinedValues += part.length;
    if (this.#joinedParts === this.#parts.length) this.#data = this.#joined;
    return part.byteLength;
  }
}
