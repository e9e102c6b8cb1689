/**
 * Walks the members of a body's top-level object and of the objects in its lists, hands the arrays of the matrix fields to the
 * matrix reader, and notes the spans they fill. It checks no more grammar than it needs to keep its place: parse-body.ts puts `null` where each span was
 * and lets JSON.parse judge what remains.
 *
 * Why that accepts exactly what JSON.parse accepts: a span is replaced only if it is by itself a legal JSON array that
 * starts outside any string, and one legal value in the place of another changes nothing about the text around it.
 */
import type { FieldPlaces } from './field-names.js';
import { MatrixReader } from './matrix-reader.js';
import { NumberMatrix, stack } from './number-matrix.js';
import { PlainJsonTooLargeError } from './plain-json-too-large-error.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const ARRAY_OPEN = 0x5b;
const ARRAY_CLOSE = 0x5d;
const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;

/** What one member and one placeholder cost at least, in bytes of text: many tiny members must not make a turn or the end long. */
const memberCost = 256;
const spanCost = 1024;

/** Fields of a body. No request has twenty; hundreds of thousands would hold JSON.parse and every check behind it. */
const membersMax = 64;

/** Where the value of a matrix field was; `end` is the byte behind it. */
export interface MatrixSpan {
  readonly start: number;
  readonly end: number;
}

type Matrices = Map<string, NumberMatrix | undefined>;

export class BodyScan {
  readonly #body: Buffer;
  readonly #places: FieldPlaces;
  readonly #sliceBytesMax: number;
  readonly spans: MatrixSpan[] = [];
  /** The last value of each field met, as JSON.parse keeps the last of several members of one name: a span, or none. */
  readonly matrices: Matrices = new Map();
  /** The same for each object of the last list of each name, by its place in the list. */
  readonly lists = new Map<string, Matrices[]>();
  /** The list that the scan is in, and the object of it, if any. */
  #list: Matrices[] | undefined;
  #item: Matrices | undefined;
  /** Objects and other items of the list that lie behind. */
  #itemsBehind = 0;
  #position = 0;
  /** Gathers every byte of every string, to know whether one is outside ASCII. */
  #stringBytes = 0;
  #closed = false;
  #started = false;
  #members = 0;
  #finished = false;
  #matrixBytes = 0;
  #reader: MatrixReader | undefined;
  #readerStart = 0;
  #readerName = '';
  /** At rank 3 the samples that have been read, each a matrix of its own. */
  #samples: NumberMatrix[] | undefined;

  constructor(body: Buffer, places: FieldPlaces, sliceBytesMax: number) {
    this.#body = body;
    this.#places = places;
    this.#sliceBytesMax = sliceBytesMax;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Whether the text outside the matrices may be decoded as Latin-1. Every string up to the object's end was ASCII, and
   * outside a string JSON.parse refuses any other byte, however it is decoded.
   */
  get ascii(): boolean {
    return this.#closed && this.#stringBytes < 0x80;
  }

  /** How many bytes JSON.parse will have to read so far; a placeholder costs as much as a thousand. */
  get plainBytes(): number {
    return this.#position - this.#matrixBytes + this.spans.length * spanCost;
  }

  /** Does one slice of a matrix, or the way to the next one, and returns what it cost in bytes. */
  step(): number {
    if (this.#reader !== undefined) return this.#stepMatrix(this.#reader);
    const start = this.#position;
    if (!this.#started) this.#enter();
    else if (this.#list !== undefined && this.#item === undefined) this.#nextItem(this.#list);
    else this.#nextMember();
    return this.#position - start + memberCost;
  }

  #enter(): void {
    this.#started = true;
    this.#position = this.#skipSpace(0);
    if (this.#body[this.#position] !== OBJECT_OPEN) this.#finish(this.#position);
    else this.#position++;
  }

  #nextMember(): void {
    const body = this.#body;
    const quote = this.#skipSpace(this.#position);
    if (body[quote] !== QUOTE) {
      this.#leaveObject(quote);
      return;
    }
    this.#members += 1;
    if (this.#members > membersMax) throw new PlainJsonTooLargeError(`The body has more than ${membersMax} fields.`);
    const end = this.#skipString(quote + 1);
    const colon = this.#skipSpace(end);
    if (body[colon] !== COLON) {
      this.#finish(colon);
      return;
    }
    const value = this.#skipSpace(colon + 1);
    const names = this.#item === undefined ? this.#places.members : this.#places.items;
    const name = names.find(body, quote + 1, end - 1, this.#escaped);
    if (name !== undefined && this.#enterField(name, value)) return;
    this.#position = this.#skipValue(value);
    this.#skipComma();
  }

  /** Begins a matrix, or a list whose objects may hold some; false when the value of the field is neither. */
  #enterField(name: string, value: number): boolean {
    const isList = this.#item === undefined && this.#places.lists.has(name);
    if (isList) this.lists.delete(name);
    else this.#owner.set(name, undefined);
    if (this.#body[value] !== ARRAY_OPEN) return false;
    if (isList) {
      this.#list = [];
      this.#itemsBehind = 0;
      this.lists.set(name, this.#list);
      this.#position = value + 1;
    } else {
      this.#beginMatrix(name, value);
    }
    return true;
  }

  #beginMatrix(name: string, value: number): void {
    this.#readerName = name;
    this.#readerStart = value;
    const first = this.#skipSpace(value + 1);
    const deep = this.#body[first] === ARRAY_OPEN && this.#body[this.#skipSpace(first + 1)] === ARRAY_OPEN;
    this.#samples = deep ? [] : undefined;
    this.#reader = new MatrixReader(this.#body, (deep ? first : value) + 1, this.#sliceBytesMax);
    this.#position = value;
  }

  /** The matrices of the object that the scan is in. */
  get #owner(): Matrices {
    return this.#item ?? this.matrices;
  }

  #nextItem(list: Matrices[]): void {
    const position = this.#skipSpace(this.#position);
    if (this.#body[position] === OBJECT_OPEN) {
      this.#item = new Map();
      list[this.#itemsBehind] = this.#item;
      this.#position = position + 1;
    } else {
      this.#leaveItem(this.#skipValue(position));
    }
  }

  /** `position` is behind an item of a list, or behind its opening bracket. */
  #leaveItem(position: number): void {
    this.#item = undefined;
    this.#itemsBehind += 1;
    const next = this.#skipSpace(position);
    if (this.#body[next] === COMMA) {
      this.#position = next + 1;
    } else if (this.#body[next] === ARRAY_CLOSE) {
      this.#list = undefined;
      this.#position = next + 1;
      this.#skipComma();
    } else {
      this.#finish(next);
    }
  }

  /** `position` is where an object has no further member: at its end, unless the text is malformed. */
  #leaveObject(position: number): void {
    if (this.#item !== undefined && this.#body[position] === OBJECT_CLOSE) this.#leaveItem(position + 1);
    else this.#finish(position);
  }

  #stepMatrix(reader: MatrixReader): number {
    let cost = reader.step();
    if (!reader.finished) return cost;
    this.#reader = undefined;
    if (reader.failed) return cost + this.#leavePlain();
    if (this.#samples === undefined) {
      this.#keep(reader.matrix(), reader.position);
      return cost;
    }
    this.#samples.push(reader.matrix());
    cost += memberCost;
    const next = this.#skipSpace(reader.position);
    if (this.#body[next] === COMMA) {
      const open = this.#skipSpace(next + 1);
      if (this.#body[open] !== ARRAY_OPEN) return cost + this.#leavePlain();
      this.#reader = new MatrixReader(this.#body, open + 1, this.#sliceBytesMax);
    } else if (this.#body[next] === ARRAY_CLOSE) {
      this.#keep(stack(this.#samples), next + 1);
    } else {
      return cost + this.#leavePlain();
    }
    return cost;
  }

  /** The array is none of numbers: it stays with the plain JSON. Returns what walking over it cost. */
  #leavePlain(): number {
    const end = this.#skipValue(this.#readerStart);
    this.#position = end;
    this.#skipComma();
    return end - this.#readerStart;
  }

  #keep(matrix: NumberMatrix, end: number): void {
    this.spans.push({ start: this.#readerStart, end });
    const text = this.#body.subarray(this.#readerStart, end);
    this.#owner.set(this.#readerName, this.#item === undefined ? matrix : new NumberMatrix({ ...matrix, text }));
    this.#position = end;
    this.#matrixBytes += end - this.#readerStart;
    this.#skipComma();
  }

  #skipComma(): void {
    const position = this.#skipSpace(this.#position);
    if (this.#body[position] !== COMMA) this.#leaveObject(position);
    else this.#position = position + 1;
  }

  /** Whatever remains is not walked: JSON.parse will judge it. An object that is closed here leaves nothing but space. */
  #finish(position: number): void {
    this.#finished = true;
    this.#closed = this.#body[position] === OBJECT_CLOSE;
    this.#position = this.#body.length;
  }

  #skipSpace(position: number): number {
    const body = this.#body;
    let byte = body[position];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = body[++position];
    return position;
  }

  /** Set by #skipString: whether the string held a backslash. */
  #escaped = false;

  /** `position` is behind the opening quote; returns the byte behind the closing one. */
  #skipString(position: number): number {
    const body = this.#body;
    this.#escaped = false;
    while (position < body.length) {
      const byte = body[position++];
      this.#stringBytes |= byte;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        this.#escaped = true;
        this.#stringBytes |= body[position++];
      }
    }
    return position;
  }

  /** Walks a value of any kind to the comma or bracket behind it, by counting brackets outside strings. */
  #skipValue(position: number): number {
    const body = this.#body;
    let depth = 0;
    while (position < body.length) {
      const byte = body[position];
      if (byte === QUOTE) {
        position = this.#skipString(position + 1);
        continue;
      }
      if (byte === ARRAY_OPEN || byte === OBJECT_OPEN) depth++;
      else if (byte === ARRAY_CLOSE || byte === OBJECT_CLOSE) {
        if (depth === 0) return position;
        depth--;
      } else if (byte === COMMA && depth === 0) return position;
      position++;
    }
    return position;
  }
}
