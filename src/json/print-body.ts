/**
 * Prints a reply: JSON whose large parts are typed arrays. A small reply is one string. A large one is a stream of
 * slices, each printed in a separate turn, so that no reply blocks the event loop.
 */
import { Readable } from 'node:stream';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { EntryList } from './entry-list.js';
import { printDoubleSlices } from './print-doubles.js';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers, type Shape } from './print-matrix.js';

/** Numbers of a reply, printed as nested arrays of the given shape. */
export interface Numbers {
  readonly numbers: Float32Array | Int32Array | Float64Array;
  readonly shape: Shape;
}

export type Member =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly list: EntryList }
  | ({ readonly name: string } & Numbers);

/** Called once for each reply with numbers: how long printing them occupied the thread, in milliseconds. */
export type OnPrinted = (printMs: number) => void;

/** A part of a reply: JSON text, or numbers or a list to print. */
export type Piece = string | Numbers | EntryList;

/** Entries of a list per slice: well below a millisecond. */
const sliceEntriesMax = 2048;

/**
 * Replies of at most this many numbers are printed in one turn. This is a small part of a turn, since several of them
 * can fall into one.
 */
const wholeNumbersMax = 4096;

/** Prints an object of the given members, in their order. */
export function printBody(members: readonly Member[], printed: OnPrinted): string | Readable {
  const pieces: Piece[] = [];
  let text = '{';
  for (const member of members) {
    // Names are the identifiers of this service, which need no escapes.
    text += `"${member.name}":`;
    if ('value' in member) text += JSON.stringify(member.value);
    else {
      pieces.push(text, 'list' in member ? member.list : member);
      text = '';
    }
    text += ',';
  }
  pieces.push(`${text.slice(0, -1)}}`);
  return printPieces(pieces, printed);
}

/** Prints pieces in order. */
export function printPieces(pieces: readonly Piece[], printed: OnPrinted): string | Readable {
  if (!isPrintedWhole(numbersOf(pieces))) return Readable.from(printSlices(pieces, printed), { objectMode: false });
  const start = performance.now();
  let body = '';
  for (const piece of pieces) body += typeof piece === 'string' ? piece : printWhole(piece);
  printed(performance.now() - start);
  return body;
}

/**
 * Whether a reply with this many numbers is printed whole. Such a reply waits for its client as text; a larger one as
 * its numbers and one slice of text.
 */
export function isPrintedWhole(numbers: number): boolean {
  return numbers <= wholeNumbersMax;
}

function numbersOf(pieces: readonly Piece[]): number {
  let numbers = 0;
  for (const piece of pieces) {
    if (piece instanceof EntryList) numbers += piece.count;
    else if (typeof piece !== 'string') numbers += piece.numbers.length;
  }
  return numbers;
}

function printWhole(piece: Numbers | EntryList): string {
  if (piece instanceof EntryList) return printEntries(piece, 0, piece.count);
  const { numbers, shape } = piece;
  if (numbers instanceof Float32Array) return printFloats(numbers, shape);
  return numbers instanceof Float64Array
    ? [...printDoubleSlices(numbers, shape)].join('')
    : printIntegers(numbers, shape);
}

function slicesOf(piece: Numbers | EntryList): Iterable<Buffer> {
  if (piece instanceof EntryList) return printEntrySlices(piece);
  const { numbers, shape } = piece;
  if (numbers instanceof Float32Array) return printFloatSlices(numbers, shape);
  return numbers instanceof Float64Array ? printDoubleSlices(numbers, shape) : printIntegerSlices(numbers, shape);
}

/** Entries [from, to), with the outermost brackets before the first entry and after the last. */
function printEntries(list: EntryList, from: number, to: number): string {
  const { count, shape } = list;
  const opening = from === 0 ? '['.repeat(shape.length) : '';
  return opening + list.print(from, to) + (to === count ? ']'.repeat(shape.length) : '');
}

function* printEntrySlices(list: EntryList): Generator<Buffer, void> {
  for (let from = 0; from < list.count; from += sliceEntriesMax) {
    yield Buffer.from(printEntries(list, from, Math.min(from + sliceEntriesMax, list.count)));
  }
}

/** The same in slices, each in a separate turn of the event loop. */
export async function* printSlices(pieces: readonly Piece[], printed: OnPrinted): AsyncGenerator<Buffer> {
  let printMs = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      yield Buffer.from(piece);
      continue;
    }
    const slices = slicesOf(piece)[Symbol.iterator]();
    await nextTurn();
    for (;;) {
      const start = performance.now();
      const { done, value } = slices.next();
      printMs += performance.now() - start;
      if (done) break;
      yield value;
      await nextTurn();
    }
  }
  printed(printMs);
}
