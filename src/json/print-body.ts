/**
 * Prints a reply: a JSON object whose large members are typed arrays. A small reply is one string; a large one is a
 * stream of slices, each in a turn of the event loop of its own, so that no reply holds the thread.
 */
import { Readable } from 'node:stream';
import { printDoubleSlices } from './print-doubles.js';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers, type Shape } from './print-matrix.js';
import { nextTurn } from './turn.js';

export type Member =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly numbers: Float32Array | Int32Array | Float64Array; readonly shape: Shape };

/** Numbers printed at once, about 0.15 ms of work; several small replies can fall into one turn. */
const wholeNumbersMax = 4096;

export function printBody(members: readonly Member[]): string | Readable {
  const numbers = members.reduce((sum, member) => sum + ('numbers' in member ? member.numbers.length : 0), 0);
  if (numbers > wholeNumbersMax) return Readable.from(printSlices(members), { objectMode: false });
  let body = '';
  for (const member of members) body += (body === '' ? '{' : ',') + keyOf(member) + printValue(member);
  return `${body}}`;
}

/** Names are our own identifiers, which need no escapes. */
function keyOf({ name }: Member): string {
  return `"${name}":`;
}

function printValue(member: Member): string {
  if ('value' in member) return JSON.stringify(member.value);
  const { numbers, shape } = member;
  if (numbers instanceof Float32Array) return printFloats(numbers, shape);
  return numbers instanceof Float64Array
    ? [...printDoubleSlices(numbers, shape)].join('')
    : printIntegers(numbers, shape);
}

function slicesOf(numbers: Float32Array | Int32Array | Float64Array, shape: Shape): Iterable<Buffer> {
  if (numbers instanceof Float32Array) return printFloatSlices(numbers, shape);
  return numbers instanceof Float64Array ? printDoubleSlices(numbers, shape) : printIntegerSlices(numbers, shape);
}

async function* printSlices(members: readonly Member[]): AsyncGenerator<Buffer> {
  let separator = '{';
  for (const member of members) {
    yield Buffer.from(separator + keyOf(member));
    separator = ',';
    if ('value' in member) {
      yield Buffer.from(JSON.stringify(member.value));
      continue;
    }
    const { numbers, shape } = member;
    const slices = slicesOf(numbers, shape);
    await nextTurn();
    for (const slice of slices) {
      yield slice;
      await nextTurn();
    }
  }
  yield Buffer.from('}');
}
