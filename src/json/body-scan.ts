/**
 * Walks the members of a body's top-level object and of the objects in its lists, hands the long arrays to their
 * readers, and notes the spans they fill. It checks no more grammar than it needs to keep its place: parse-body.ts puts
 * `null` where each array was and lets JSON.parse judge what remains. That is little: what lies outside the arrays has
 * limits on its bytes, its values and its depth, and the walk stops where one of them is exceeded.
 *
 * Why that accepts exactly what JSON.parse accepts, within those limits: an array is replaced only if it is by itself a
 * legal JSON array that starts outside any string, and one legal value in the place of another changes nothing about
 * the text around it; nor does less white space next to punctuation.
 */
import { Problem, type ProblemCode, problemKind } from '../errors.js';
import type { ArrayReader, Memory } from './array-reader.js';
import type { ArrayField, BodyFields } from './body-fields.js';
import { beginsFlag, type FlagList, FlagReader } from './flag-reader.js';
import { faultError, otherUnicodeError } from './malformed-json.js';
import { MatrixReader } from './matrix-reader.js';
import { NumberMatrix } from './number-matrix.js';
import type { SeedList } from './seed-list.js';
import { SeedReader } from './seed-reader.js';
import { findFaultInArray } from './syntax-fault.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const ARRAY_OPEN = 0x5b;
const ARRAY_CLOSE = 0x5d;
const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;

/** U+FEFF in UTF-8, which may stand before a JSON text and says nothing (RFC 8259, section 8.1). */
const byteOrderMark = Buffer.from('\ufeff');

/** What a value may begin with outside the object that a body is. */
const beginsValue = /["[{\-0-9tfn]/;

/** So much of an array is looked at for what breaks it, and so much before for where in the array that is. */
const brokenArrayBytes = 64;
const beforeBytesMax = 65_536;

/** What a member costs beside its bytes, in bytes of text. */
const memberCost = 256;

/** Limits of what JSON.parse, and the schemas behind it, see of a body. */
export const plainLimits = {
  /**
   * The longest legal body has 15 KiB outside its arrays, most of it an id in escapes. JSON.parse reads so much in a
   * millisecond.
   */
  bytesMax: 65_536,
  /**
   * Values of all objects and arrays together. Every tensor, output and parameter of the largest legal body make less
   * than 200.
   */
  valuesMax: 256,
  /**
   * Arrays and objects inside one another. The deepest legal ones are in the body, its inputs, a tensor, its shape:
   * half as deep.
   */
  depthMax: 8,
  /**
   * A long array that holds something else is left to JSON.parse up to this length, for its mistakes to be told one by
   * one.
   */
  otherArrayBytesMax: 16_384,
} as const;

/** What JSON.parse does not see of a body, and what it sees in its place; `end` is the byte behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** `null` for a long array, nothing for white space. */
  readonly instead: string;
}

/**
 * `null` and an array are both objects to V8, so putting the array in does not change how it stores the body's other
 * fields.
 */
const arrayPlaceholder = 'null';

/**
 * White space between members, or behind the body, is left out from this length on; one step looks at so much of it.
 */
const spaceBytesMin = 256;
const spaceBytesMax = 65_536;

/** Axes of an array that has too many are counted up to so many. */
const axesCountedMax = 16;

type NestedField = Extract<ArrayField, { readonly axesMax: number }>;

/** What a long array becomes. */
export type LongArray = NumberMatrix | SeedList | FlagList;

type Arrays = Map<string, LongArray | undefined>;

/** The first byte of the element that white space, up to so much of it, may precede. */
function firstByte(body: Buffer, position: number): number | undefined {
  const end = position + spaceBytesMax;
  let at = position;
  while (at < end && isSpace(body[at] as number)) at++;
  return body[at];
}

export class BodyScan {
  readonly #body: Buffer;
  readonly #fields: BodyFields;
  readonly #sliceBytesMax: number;
  readonly #memory: Memory;
  readonly spans: Span[] = [];
  /**
   * The last value of each field met, as JSON.parse keeps the last of several members of one name: an array, or none.
   */
  readonly arrays: Arrays = new Map();
  /** The same for each object of the last list of each name, by its place in the list. */
  readonly lists = new Map<string, Arrays[]>();
  /** The list that the scan is in, and the object of it, if any. */
  #list: Arrays[] | undefined;
  #listName = '';
  #item: Arrays | undefined;
  /** Objects and other items of the list that lie behind. */
  #itemsBehind = 0;
  /** The field of the body that the scan is in, if it is known. */
  #field: string | undefined;
  #position = 0;
  /** Gathers every byte of every string, to know whether one is outside ASCII. */
  #stringBytes = 0;
  #closed = false;
  #started = false;
  #brokenAt: number | undefined;
  #isObject = true;
  /** Whether the body's object lies behind. */
  #ended = false;
  #values = 0;
  #finished = false;
  /** Bytes of arrays and white space that JSON.parse does not see. */
  #leftOutBytes = 0;
  #reader: ArrayReader<LongArray> | undefined;
  #readerStart = 0;
  #readerName = '';

  constructor(body: Buffer, fields: BodyFields, sliceBytesMax: number, memory: Memory) {
    this.#body = body;
    this.#fields = fields;
    this.#sliceBytesMax = sliceBytesMax;
    this.#memory = memory;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Whether the text outside the arrays may be decoded as Latin-1. Every string up to the object's end was ASCII, and
   * outside a string JSON.parse refuses any other byte, however it is decoded.
   */
  get ascii(): boolean {
    return this.#closed && this.#stringBytes < 0x80;
  }

  /** A byte at or before which the body is no JSON, once the walk has met one: it ends there. */
  get brokenAt(): number | undefined {
    return this.#brokenAt;
  }

  /** Does one slice of an array, or the way to the next one, and returns what it cost in bytes. */
  step(): number {
    if (this.#reader !== undefined) return this.#stepArray(this.#reader);
    const start = this.#position;
    const space = this.#leaveOutSpace();
    if (space > 0) return space;
    if (!this.#started) this.#enter();
    else if (this.#ended) this.#finish();
    else if (this.#list !== undefined && this.#item === undefined) this.#nextItem(this.#list);
    else this.#nextMember();
    return this.#position - start + memberCost;
  }

  /** Gives back the memory of an array that was being read. */
  release(): void {
    this.#reader?.release();
    this.#reader = undefined;
  }

  #enter(): void {
    const body = this.#body;
    this.#started = true;
    if (this.#position === 0 && (body[0] !== OBJECT_OPEN || body[1] === 0)) this.#checkEncoding();
    this.#position = this.#skipSpace(this.#position);
    if (body[this.#position] === OBJECT_OPEN) {
      this.#position++;
      return;
    }
    this.#isObject = false;
    this.#ended = true;
    if (!beginsValue.test(String.fromCharCode(body[this.#position] ?? 0))) this.#break(this.#position);
  }

  /** @throws {MalformedJsonError} for UTF-16 and UTF-32 */
  #checkEncoding(): void {
    const body = this.#body;
    const error = otherUnicodeError(body[0], body[1]);
    if (error) throw error;
    if (byteOrderMark.equals(body.subarray(0, byteOrderMark.length))) this.#leaveOut(0, byteOrderMark.length);
  }

  #nextMember(): void {
    const body = this.#body;
    if (this.#item === undefined) this.#field = undefined;
    const quote = this.#skipSpace(this.#position);
    if (body[quote] !== QUOTE) {
      this.#leaveObject(quote);
      return;
    }
    this.#countValue();
    const end = this.#skipString(quote + 1);
    const colon = this.#skipSpace(end);
    if (body[colon] !== COLON) {
      this.#end(colon);
      return;
    }
    const names = this.#item === undefined ? this.#fields.members : this.#fields.items;
    const name = names.find(body, quote + 1, end - 1, this.#escaped);
    if (this.#item === undefined) this.#field = name;
    const value = this.#skipSpace(colon + 1);
    if (name !== undefined && this.#enterField(name, value)) return;
    this.#position = this.#skipValue(value, this.#item === undefined ? 1 : 3);
    this.#skipComma();
  }

  /** Begins a long array, or a list whose objects may hold some; false when the value of the field is neither. */
  #enterField(name: string, value: number): boolean {
    const isList = this.#item === undefined && this.#fields.lists.has(name);
    const array = isList ? undefined : this.#fields.arrayOf(name, this.#item !== undefined);
    if (isList) this.lists.delete(name);
    else if (array) this.#owner.set(name, undefined);
    if (this.#body[value] !== ARRAY_OPEN) return false;
    if (isList) {
      this.#list = [];
      this.#listName = name;
      this.#itemsBehind = 0;
      this.lists.set(name, this.#list);
      this.#position = value + 1;
    } else if (array) {
      this.#readerName = name;
      this.#readerStart = value;
      this.#reader = this.#readerOf(array, value + 1);
      this.#position = value;
    }
    return isList || array !== undefined;
  }

  #readerOf(field: ArrayField, position: number): ArrayReader<LongArray> {
    if (field.holds === 'seeds') return new SeedReader(this.#body, position, field.countMax, this.#memory);
    if (field.holds === 'elements' && beginsFlag(firstByte(this.#body, position))) {
      return new FlagReader(this.#body, position, this.#memory);
    }
    return new MatrixReader(this.#body, position, field.axesMax, this.#sliceBytesMax, this.#memory);
  }

  /** The arrays of the object that the scan is in. */
  get #owner(): Arrays {
    return this.#item ?? this.arrays;
  }

  #nextItem(list: Arrays[]): void {
    const position = this.#skipSpace(this.#position);
    this.#countValue();
    if (this.#body[position] === OBJECT_OPEN) {
      this.#item = new Map();
      list[this.#itemsBehind] = this.#item;
      this.#position = position + 1;
    } else {
      this.#leaveItem(this.#skipValue(position, 2));
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
      this.#end(next);
    }
  }

  /** `position` is where an object has no further member: at its end, unless the text is malformed. */
  #leaveObject(position: number): void {
    if (this.#item !== undefined && this.#body[position] === OBJECT_CLOSE) this.#leaveItem(position + 1);
    else this.#end(position);
  }

  #stepArray(reader: ArrayReader<LongArray>): number {
    const cost = reader.step();
    if (reader.failed) return cost + this.#leavePlain(reader);
    if (reader.finished) this.#keep(reader);
    return cost;
  }

  #keep(reader: ArrayReader<LongArray>): void {
    const end = reader.position;
    this.#reader = undefined;
    this.spans.push({ start: this.#readerStart, end, instead: arrayPlaceholder });
    const value = reader.value();
    const text = this.#item === undefined ? undefined : this.#body.subarray(this.#readerStart, end);
    const withText = text && value instanceof NumberMatrix ? new NumberMatrix({ ...value, text }) : value;
    this.#owner.set(this.#readerName, withText);
    this.#position = end;
    this.#leftOutBytes += end - this.#readerStart;
    this.#skipComma();
  }

  /**
   * The array holds something else: it stays with the plain JSON, if it is short. Returns what walking over it cost.
   *
   * @throws {Problem} `validation` at the element that is wrong, in a longer array
   * @throws {MalformedJsonError} where none can begin, in a longer array
   */
  #leavePlain(reader: ArrayReader<LongArray>): number {
    const { expected, position, tooDeep, tooMany } = reader;
    const inItem = this.#item !== undefined;
    const path = [...(inItem ? [this.#readerName] : []), ...reader.path()];
    this.release();
    const field = this.#fields.arrayOf(this.#readerName, inItem) as ArrayField;
    if (tooMany && field.holds === 'seeds') {
      this.#refuse('validation', [], `must have one entry per row of logits, at most ${field.countMax}`);
    }
    if (tooDeep && field.holds !== 'seeds') {
      const text = reader instanceof MatrixReader ? this.#axesText(position, field) : expected;
      this.#refuse('validation', path, text);
    }
    const start = this.#readerStart;
    const end = this.#skipValue(start, inItem ? 3 : 1, start + plainLimits.otherArrayBytesMax);
    if (end < 0) {
      this.#throwFaultInArray(position);
      this.#refuse('validation', path, expected);
    }
    this.#position = end;
    this.#skipComma();
    return end - start;
  }

  /**
   * @throws {MalformedJsonError} where an array is broken at `position`, and does not only hold something else there
   */
  #throwFaultInArray(position: number): void {
    const body = this.#body;
    const piece = body.toString('latin1', position, position + brokenArrayBytes);
    let before = position - 1;
    while (isSpace(body[before] as number) && position - before < beforeBytesMax) before--;
    const previous = String.fromCharCode(body[before] as number);
    const fault = findFaultInArray(piece, previous, position + piece.length === body.length);
    if (fault) throw faultError(body, position + fault.index, fault);
  }

  /** How many axes an array has whose bracket at `position` is one too many, and how many it may have. */
  #axesText(position: number, { axesMax, axes = 'no array may be inside that' }: NestedField): string {
    let count = axesMax;
    let at = position;
    for (; this.#body[at] === ARRAY_OPEN && count < axesCountedMax; at = this.#skipSpace(at + 1)) count++;
    const most = this.#body[at] === ARRAY_OPEN ? 'more than ' : '';
    return `${this.#readerName} has ${most}${count} axes, but at most ${axesMax}: ${axes}`;
  }

  #skipComma(): void {
    const position = this.#skipSpace(this.#position);
    if (this.#body[position] !== COMMA) this.#leaveObject(position);
    else this.#position = position + 1;
  }

  /**
   * The walk ends at `position`: at the closing bracket, behind which there is but space, unless the text is malformed.
   */
  #end(position: number): void {
    this.#ended = true;
    this.#closed = this.#body[position] === OBJECT_CLOSE;
    this.#position = position + 1;
    if (!this.#closed) this.#break(position);
  }

  /** At `position`, or before, the body is no JSON: nothing more is walked. */
  #break(position: number): void {
    this.#brokenAt = position;
    this.#finished = true;
  }

  /** Leaves out a slice of white space, and returns its length; 0 where there is none, or little. */
  #leaveOutSpace(): number {
    const body = this.#body;
    const start = this.#position;
    const last = Math.min(start + spaceBytesMax, body.length);
    let end = start;
    while (end < last && isSpace(body[end] as number)) end++;
    if (end - start < spaceBytesMin) return 0;
    this.#leaveOut(start, end);
    return end - start;
  }

  #leaveOut(start: number, end: number): void {
    this.spans.push({ start, end, instead: '' });
    this.#leftOutBytes += end - start;
    this.#position = end;
  }

  /** Behind the object there is nothing. Any other value is left to JSON.parse, if it is short. */
  #finish(): void {
    this.#finished = true;
    const { length } = this.#body;
    if (this.#isObject) {
      const behind = this.#skipSpace(this.#position);
      if (behind < length) this.#break(behind);
    } else if (length > this.#plainEnd) {
      this.#refuse('validation', [], 'must be an object, such as {"logits": [1, 0.5, -1]}');
    }
  }

  /** How far plain JSON may reach, if no further array comes. */
  get #plainEnd(): number {
    return this.#leftOutBytes + plainLimits.bytesMax;
  }

  #countValue(): void {
    this.#values += 1;
    if (this.#values > plainLimits.valuesMax) {
      const text = `The body has more than ${plainLimits.valuesMax} values outside its arrays of numbers.`;
      this.#refuseAs('body-too-large', text, [], 'has too many values');
    }
  }

  #refuseLong(): never {
    const text = `The body holds more than ${plainLimits.bytesMax} bytes outside its arrays of numbers.`;
    return this.#refuseAs('body-too-large', text, [], 'is too long');
  }

  #refuse(code: ProblemCode, path: readonly (string | number)[], message: string): never {
    const { meaning, remedy } = problemKind(code);
    return this.#refuseAs(code, `${meaning} ${remedy}`, path, message);
  }

  #refuseAs(code: ProblemCode, detail: string, path: readonly (string | number)[], message: string): never {
    const item = this.#item === undefined ? [] : [this.#itemsBehind];
    const field = this.#list === undefined ? this.#field : this.#listName;
    const pointer = [...(field === undefined ? [] : [field]), ...item, ...path].map((key) => `/${key}`).join('');
    throw new Problem(code, detail, [{ pointer, message }]);
  }

  #skipSpace(position: number): number {
    const body = this.#body;
    const end = this.#plainEnd;
    while (isSpace(body[position] as number)) {
      if (position >= end) this.#refuseLong();
      position++;
    }
    return position;
  }

  /** Set by #skipString: whether the string held a backslash. */
  #escaped = false;

  /** `position` is behind the opening quote; returns the byte behind the closing one. */
  #skipString(position: number): number {
    const body = this.#body;
    const end = Math.min(body.length, this.#plainEnd);
    this.#escaped = false;
    while (position < end) {
      const byte = body[position++] as number;
      this.#stringBytes |= byte;
      if (byte === QUOTE) return position;
      if (byte === BACKSLASH) {
        this.#escaped = true;
        this.#stringBytes |= body[position++] as number;
      }
    }
    if (position < body.length) this.#refuseLong();
    return position;
  }

  /**
   * Walks a value of any kind to the comma or bracket behind it, by counting brackets outside strings.
   *
   * @param outer how many arrays and objects the value lies in
   * @param end where the walk is given up; its values are not counted then, and -1 is returned
   */
  #skipValue(position: number, outer: number, end = -1): number {
    const body = this.#body;
    const counted = end < 0;
    const last = Math.min(body.length, counted ? this.#plainEnd : Math.min(end, this.#plainEnd));
    let depth = 0;
    while (position < last) {
      const byte = body[position];
      if (byte === QUOTE) {
        position = this.#skipString(position + 1);
        continue;
      }
      if (byte === ARRAY_OPEN || byte === OBJECT_OPEN) {
        depth++;
        if (counted) this.#countValue();
        if (outer + depth > plainLimits.depthMax) this.#refuseDeep();
      } else if (byte === ARRAY_CLOSE || byte === OBJECT_CLOSE) {
        if (depth === 0) return position;
        depth--;
      } else if (byte === COMMA) {
        if (depth === 0) return position;
        if (counted) this.#countValue();
      }
      position++;
    }
    if (position >= body.length) return position;
    return counted ? this.#refuseLong() : -1;
  }

  #refuseDeep(): never {
    const most = plainLimits.depthMax;
    return this.#refuse(
      'validation',
      [],
      `is nested too deep: the body may have ${most} arrays and objects inside one another`,
    );
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
