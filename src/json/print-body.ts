/**
 * Prints a reply: a JSON object whose large members are typed arrays. A small reply is one string; a large one is a
 * stream of slices, each in a turn of the event loop of its own, so that no reply holds the thread.
 */
import { Readable } from 'node:stream';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers, type Shape } from './print-matrix.js';
import { nextTurn } from './turn.js';

export type Member =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly numbers: Float32Array | Int32Array; readonly shape: Shape };

/** Numbers printed at once, about 0.15 ms of work; several small replies can fall into one turn. */
const wholeNumbersMax = 4096;

export function printBody(members: readonly Member[]): string | Readable {
  const numbers = members.reduce((sum, member) => sum + ('numbers' in member ? member.numbers.length : 0), 0);
  if (numbers > wholeNumbersMax) return Readable.from(printSlices(members), { objectMode: false });
  let body = '';
  for (const member of members) body += (body === '' ? '{' : ',') + keyOf(member) + printValue(member);
  return `${body}}`;
}

function keyOf({ name }: Member): string {
  return `${JSON.stringify(name)}:`;
}

function printValue(member: Member): string {
  if ('value' in member) return JSON.stringify(member.value);
  const { numbers, shape } = member;
  return numbers instanceof Float32Array ? printFloats(numbers, shape) : printIntegers(numbers, shape);
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
    const slices =
      numbers instanceof Float32Array ? printFloatSlices(numbers, shape) : printIntegerSlices(numbers, shape);
    await nextTurn();
    for (const slice of slices) {
      yield slice;
      await nextTurn();
    }
  }
  yield Buffer.from('}');
}
