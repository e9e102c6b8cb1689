/**
 * Prints a reply: JSON whose large parts are typed arrays. A small reply is one string; a large one is a
 * stream of slices, each in a turn of the event loop of its own, so that no reply holds the thread.
 */
import { Readable } from 'node:stream';
import { printDoubleSlices } from './print-doubles.js';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers, type Shape } from './print-matrix.js';
import { nextTurn } from './turn.js';

/** Numbers of a reply, printed as nested arrays of their shape. */
export interface Numbers {
  readonly numbers: Float32Array | Int32Array | Float64Array;
  readonly shape: Shape;
}

export type Member = { readonly name: string; readonly value: unknown } | ({ readonly name: string } & Numbers);

/** Told once of each reply with numbers how long its printing held the thread. */
export type OnPrinted = (printMs: number) => void;

/** A piece of a reply: JSON text as it is, or numbers to print. */
export type Piece = string | Numbers;

/** Numbers printed at once, about 0.15 ms of work; several small replies can fall into one turn. */
const wholeNumbersMax = 4096;

/** Prints an object of the given members, in their order. */
export function printBody(members: readonly Member[], printed: OnPrinted): string | Readable {
  const pieces: Piece[] = [];
  let text = '{';
  for (const member of members) {
    // Names are our own identifiers, which need no escapes.
    text += `"${member.name}":`;
    if ('value' in member) text += JSON.stringify(member.value);
    else {
      pieces.push(text, member);
      text = '';
    }
    text += ',';
  }
  pieces.push(`${text.slice(0, -1)}}`);
  return printPieces(pieces, printed);
}

/** Prints pieces one behind the other. */
export function printPieces(pieces: readonly Piece[], printed: OnPrinted): string | Readable {
  let numbers = 0;
  for (const piece of pieces) if (typeof piece !== 'string') numbers += piece.numbers.length;
  if (numbers > wholeNumbersMax) return Readable.from(printSlices(pieces, printed), { objectMode: false });
  const start = performance.now();
  let body = '';
  for (const piece of pieces) body += typeof piece === 'string' ? piece : printNumbers(piece);
  printed(performance.now() - start);
  return body;
}

function printNumbers({ numbers, shape }: Numbers): string {
  if (numbers instanceof Float32Array) return printFloats(numbers, shape);
  return numbers instanceof Float64Array
    ? [...printDoubleSlices(numbers, shape)].join('')
    : printIntegers(numbers, shape);
}

function slicesOf({ numbers, shape }: Numbers): Iterable<Buffer> {
  if (numbers instanceof Float32Array) return printFloatSlices(numbers, shape);
  return numbers instanceof Float64Array ? printDoubleSlices(numbers, shape) : printIntegerSlices(numbers, shape);
}

/** The same in slices, each in a turn of its own. */
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
