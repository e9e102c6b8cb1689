/**
 * Scans the top-level object of a body and the objects in its lists. It passes the long arrays to their readers and
 * records the spans of text that they fill. It checks only as much grammar as it needs to keep track of its position:
 * parse-body.ts replaces each array with `null` and lets JSON.parse check the rest. The rest is small: its bytes,
 * values and depth are limited (`plainLimits`), and the scan stops at the first limit that is exceeded.
 *
 * Within those limits the service accepts exactly what JSON.parse accepts. An array is replaced only if it is a legal
 * JSON array that starts outside a string. Replacing one legal value with another does not change whether the text
 * around it is legal; nor does removing white space next to punctuation.
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

/** U+FEFF in UTF-8: a byte order mark, which a parser may ignore (RFC 8259, section 8.1). */
const byteOrderMark = Buffer.from('\ufeff');

/** First characters of a JSON value that is not an object. */
const valueStart = /["[{\-0-9tfn]/;

/**
 * The text of a broken array that is searched for the fault, and the white space that is skipped before it to find the
 * previous character, in bytes.
 */
const faultPieceBytes = 64;
const spaceBeforeBytesMax = 65_536;

/** Cost of a member in addition to its bytes, in bytes of text. */
const memberCost = 256;

/** Limits of the part of a body that JSON.parse and the schemas see. */
export const plainLimits = {
  /** The longest legal body has 15 KiB outside its arrays; most of it is an id written in escapes. */
  bytesMax: 65_536,
  /**
   * Values of all objects and arrays together. The largest legal body has fewer than 200: its tensors, outputs and
   * parameters.
   */
  valuesMax: 256,
  /**
   * Nesting depth of arrays and objects: that of the body, its inputs, a tensor, and an array of nine axes, which
   * JSON.parse reads if a value in it is of another kind.
   */
  depthMax: 12,
  /**
   * JSON.parse reads a long array with values of another kind up to this length, so that the reply can list the wrong
   * values.
   */
  otherArrayBytesMax: 16_384,
} as const;

/** A span of the body that JSON.parse does not see, and the text that replaces it. `end` is the byte after it. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** `null` for a long array, empty for white space. */
  readonly replacement: string;
}

/**
 * V8 treats `null` and an array both as objects, so storing the array later does not change how V8 stores the other
 * fields.
 */
const arrayPlaceholder = 'null';

/**
 * White space between members, or after the body, is omitted from this length on; one step omits at most
 * `spaceBytesMax`.
 */
const spaceBytesMin = 256;
const spaceBytesMax = 65_536;

/** The axes of an array that has too many are counted up to this number. */
const axesCountedMax = 16;

/** A long array after it has been read. */
export type LongArray = NumberMatrix | SeedList | FlagList;

type Arrays = Map<string, LongArray | undefined>;

/** The first byte after opening brackets and white space, of which at most `spaceBytesMax` is skipped. */
function firstByte(body: Buffer, position: number): number | undefined {
  const end = position + spaceBytesMax;
  let offset = position;
  while (offset < end && (isSpace(body[offset]) || body[offset] === ARRAY_OPEN)) offset++;
  return body[offset];
}

export class BodyScan {
  readonly #body: Buffer;
  readonly #fields: BodyFields;
  readonly #sliceBytesMax: number;
  readonly #memory: Memory;
  readonly spans: Span[] = [];
  /**
   * The last value of each field: as in JSON.parse, the last of several members with the same name wins. Undefined if
   * it is not an array.
   */
  readonly arrays: Arrays = new Map();
  /** The same for each object of the last list of each name, by its index in the list. */
  readonly lists = new Map<string, Arrays[]>();
  /** The current list, and the current object in it, if any. */
  #list: Arrays[] | undefined;
  #listName = '';
  #item: Arrays | undefined;
  /** Index of the current item in the list. */
  #itemIndex = 0;
  /** The current field of the body, if its name is known. */
  #field: string | undefined;
  #position = 0;
  /** The bitwise OR of every byte in every string, which shows whether one of them is not ASCII. */
  #stringBytes = 0;
  #closed = false;
  #started = false;
  #brokenPosition: number | undefined;
  #isObject = true;
  /** Whether the scan is past the end of the body's object. */
  #ended = false;
  #values = 0;
  #finished = false;
  /** Bytes of arrays and white space that JSON.parse does not see. */
  #omittedBytes = 0;
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
   * Whether the text outside the arrays may be decoded as Latin-1. Every string up to the end of the object was ASCII,
   * and outside strings JSON.parse rejects every other byte, whichever way it is decoded.
   */
  get ascii(): boolean {
    return this.#closed && this.#stringBytes < 0x80;
  }

  /** The body breaks the grammar of JSON at or before this byte. The scan stops there. */
  get brokenPosition(): number | undefined {
    return this.#brokenPosition;
  }

  /** Reads one slice of an array, or scans to the next array. Returns the cost in bytes. */
  step(): number {
    if (this.#reader !== undefined) return this.#stepArray(this.#reader);
    const start = this.#position;
    const space = this.#omitSpace();
    if (space > 0) return space;
    if (!this.#started) this.#begin();
    else if (this.#ended) this.#finish();
    else if (this.#list !== undefined && this.#item === undefined) this.#nextItem(this.#list);
    else this.#nextMember();
    return this.#position - start + memberCost;
  }

  /** Gives back the memory of the array that is being read. */
  release(): void {
    this.#reader?.release();
    this.#reader = undefined;
  }

  #begin(): void {
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
    if (!valueStart.test(String.fromCharCode(body[this.#position] ?? 0))) this.#endBroken(this.#position);
  }

  /** @throws {MalformedJsonError} for UTF-16 and UTF-32 */
  #checkEncoding(): void {
    const body = this.#body;
    const error = otherUnicodeError(body[0], body[1]);
    if (error) throw error;
    if (byteOrderMark.equals(body.subarray(0, byteOrderMark.length))) this.#omit(0, byteOrderMark.length);
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
      this.#endScan(colon);
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

  /** Begins a long array, or a list whose objects may have some; false if the value of the field is neither. */
  #enterField(name: string, value: number): boolean {
    const isList = this.#item === undefined && this.#fields.lists.has(name);
    const array = isList ? undefined : this.#fields.arrayOf(name, this.#item !== undefined);
    if (isList) this.lists.delete(name);
    else if (array) this.#owner.set(name, undefined);
    if (this.#body[value] !== ARRAY_OPEN) return false;
    if (isList) {
      this.#list = [];
      this.#listName = name;
      this.#itemIndex = 0;
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
    const { axesMax } = field;
    if (field.holds === 'seeds') return new SeedReader(this.#body, position, axesMax, field.countMax, this.#memory);
    if (field.holds === 'flags') return new FlagReader(this.#body, position, axesMax, field.countMax, this.#memory);
    if (field.holds === 'elements' && beginsFlag(firstByte(this.#body, position))) {
      return new FlagReader(this.#body, position, axesMax, Number.POSITIVE_INFINITY, this.#memory);
    }
    return new MatrixReader(this.#body, position, axesMax, this.#sliceBytesMax, this.#memory);
  }

  /** The arrays of the current object. */
  get #owner(): Arrays {
    return this.#item ?? this.arrays;
  }

  #nextItem(list: Arrays[]): void {
    const position = this.#skipSpace(this.#position);
    this.#countValue();
    if (this.#body[position] === OBJECT_OPEN) {
      this.#item = new Map();
      list[this.#itemIndex] = this.#item;
      this.#position = position + 1;
    } else {
      this.#leaveItem(this.#skipValue(position, 2));
    }
  }

  /** @param position the byte after an item of a list, or after its opening bracket */
  #leaveItem(position: number): void {
    this.#item = undefined;
    this.#itemIndex += 1;
    const next = this.#skipSpace(position);
    if (this.#body[next] === COMMA) {
      this.#position = next + 1;
    } else if (this.#body[next] === ARRAY_CLOSE) {
      this.#list = undefined;
      this.#position = next + 1;
      this.#skipComma();
    } else {
      this.#endScan(next);
    }
  }

  /** @param position the byte after the last member: the closing brace, unless the text is malformed */
  #leaveObject(position: number): void {
    if (this.#item !== undefined && this.#body[position] === OBJECT_CLOSE) this.#leaveItem(position + 1);
    else this.#endScan(position);
  }

  #stepArray(reader: ArrayReader<LongArray>): number {
    const cost = reader.step();
    if (reader.failed) return cost + this.#leaveToJsonParse(reader);
    if (reader.finished) this.#storeArray(reader);
    return cost;
  }

  #storeArray(reader: ArrayReader<LongArray>): void {
    const end = reader.position;
    this.#reader = undefined;
    this.spans.push({ start: this.#readerStart, end, replacement: arrayPlaceholder });
    const value = reader.value();
    this.#owner.set(this.#readerName, this.#withText(value, end));
    this.#position = end;
    this.#omittedBytes += end - this.#readerStart;
    this.#skipComma();
  }

  /** The array with its text, if that is needed: in a list's object, and of fields that should be integers. */
  #withText(value: LongArray, end: number): LongArray {
    if (!(value instanceof NumberMatrix)) return value;
    if (this.#item === undefined) {
      const field = this.#fields.arrayOf(this.#readerName, false);
      if (field?.holds !== 'numbers' || !field.isWhole) return value;
    }
    return new NumberMatrix({ ...value, text: this.#body.subarray(this.#readerStart, end) });
  }

  /**
   * Leaves an array with values of another kind to JSON.parse, if it is short. Returns the cost of skipping it.
   *
   * @throws {Problem} `validation` at the wrong element of a longer array
   * @throws {MalformedJsonError} if a longer array breaks the grammar of JSON
   */
  #leaveToJsonParse(reader: ArrayReader<LongArray>): number {
    const { expected, position, tooDeep, tooMany } = reader;
    const inItem = this.#item !== undefined;
    const path = [...(inItem ? [this.#readerName] : []), ...reader.path()];
    this.release();
    const field = this.#fields.arrayOf(this.#readerName, inItem) as ArrayField;
    if (tooMany && 'countMax' in field) {
      this.#refuse('validation', [], `must have one entry per row of logits, at most ${field.countMax}`);
    }
    if (tooDeep) this.#refuse('validation', path, this.#axesText(position, field));
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
   * @throws {MalformedJsonError} if the array breaks the grammar of JSON at `position`, and not only the type of the
   *   field
   */
  #throwFaultInArray(position: number): void {
    const body = this.#body;
    const piece = body.toString('latin1', position, position + faultPieceBytes);
    let before = position - 1;
    while (isSpace(body[before]) && position - before < spaceBeforeBytesMax) before--;
    const previous = String.fromCharCode(body[before]);
    const fault = findFaultInArray(piece, previous, position + piece.length === body.length);
    if (fault) throw faultError(body, position + fault.index, fault);
  }

  /**
   * The message for an array with too many axes: their number, and the maximum.
   * @param position the first bracket above the maximum
   */
  #axesText(position: number, { axesMax, axes = 'do not nest arrays deeper than that' }: ArrayField): string {
    let count = axesMax;
    let offset = position;
    for (; this.#body[offset] === ARRAY_OPEN && count < axesCountedMax; offset = this.#skipSpace(offset + 1)) count++;
    const moreThan = this.#body[offset] === ARRAY_OPEN ? 'more than ' : '';
    return `${this.#readerName} has ${moreThan}${count} axes, but at most ${axesMax}: ${axes}`;
  }

  #skipComma(): void {
    const position = this.#skipSpace(this.#position);
    if (this.#body[position] !== COMMA) this.#leaveObject(position);
    else this.#position = position + 1;
  }

  /**
   * Ends the scan. `position` is the closing brace, which only white space may follow, unless the text is malformed.
   */
  #endScan(position: number): void {
    this.#ended = true;
    this.#closed = this.#body[position] === OBJECT_CLOSE;
    this.#position = position + 1;
    if (!this.#closed) this.#endBroken(position);
  }

  /** Ends the scan of a body that breaks the grammar of JSON at `position` or before. */
  #endBroken(position: number): void {
    this.#brokenPosition = position;
    this.#finished = true;
  }

  /** Omits a slice of white space and returns its length; 0 if there is none, or little. */
  #omitSpace(): number {
    const body = this.#body;
    const start = this.#position;
    const last = Math.min(start + spaceBytesMax, body.length);
    let end = start;
    while (end < last && isSpace(body[end])) end++;
    if (end - start < spaceBytesMin) return 0;
    this.#omit(start, end);
    return end - start;
  }

  #omit(start: number, end: number): void {
    this.spans.push({ start, end, replacement: '' });
    this.#omittedBytes += end - start;
    this.#position = end;
  }

  /** Checks that nothing follows the object. JSON.parse reads any other value, if it is short. */
  #finish(): void {
    this.#finished = true;
    const { length } = this.#body;
    if (this.#isObject) {
      const next = this.#skipSpace(this.#position);
      if (next < length) this.#endBroken(next);
    } else if (length > this.#plainEnd) {
      this.#refuse('validation', [], 'must be an object, such as {"logits": [1, 0.5, -1]}');
    }
  }

  /** The last byte that the text outside arrays may reach, if no further array follows. */
  get #plainEnd(): number {
    return this.#omittedBytes + plainLimits.bytesMax;
  }

  #countValue(): void {
    this.#values += 1;
    if (this.#values > plainLimits.valuesMax) {
      const text = `The body has more than ${plainLimits.valuesMax} values outside its arrays of numbers. Send fewer.`;
      this.#refuseAs('body-too-large', text, [], 'has too many values');
    }
  }

  #refuseLong(): never {
    const text = `The body has more than ${plainLimits.bytesMax} bytes outside its arrays of numbers. Send fewer.`;
    return this.#refuseAs('body-too-large', text, [], 'is too long');
  }

  #refuse(code: ProblemCode, path: readonly (string | number)[], message: string): never {
    const { meaning, remedy } = problemKind(code);
    return this.#refuseAs(code, `${meaning} ${remedy}`, path, message);
  }

  #refuseAs(code: ProblemCode, detail: string, path: readonly (string | number)[], message: string): never {
    const item = this.#item === undefined ? [] : [this.#itemIndex];
    const field = this.#list === undefined ? this.#field : this.#listName;
    const pointer = [...(field === undefined ? [] : [field]), ...item, ...path].map((key) => `/${key}`).join('');
    throw new Problem(code, detail, [{ pointer, message }]);
  }

  #skipSpace(position: number): number {
    const body = this.#body;
    const end = this.#plainEnd;
    while (isSpace(body[position])) {
      if (position >= end) this.#refuseLong();
      position++;
    }
    return position;
  }

  /** Set by #skipString: whether the string had a backslash. */
  #escaped = false;

  /**
   * @param position the byte after the opening quote
   * @returns the byte after the closing quote
   */
  #skipString(position: number): number {
    const body = this.#body;
    const end = Math.min(body.length, this.#plainEnd);
    this.#escaped = false;
    while (position < end) {
      const byte = body[position++];
      this.#stringBytes |= byte;
      if (byte === QUOTE) return position;
      if (byte === BACKSLASH) {
        this.#escaped = true;
        this.#stringBytes |= body[position++];
      }
    }
    if (position < body.length) this.#refuseLong();
    return position;
  }

  /**
   * Skips a value of any kind up to the comma or bracket after it, by counting brackets outside strings.
   *
   * @param outer the number of arrays and objects around the value
   * @param end the byte at which the scan gives up and returns -1; the values are then not counted
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
      `is nested too deep: the body may nest arrays and objects at most ${most} deep`,
    );
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
