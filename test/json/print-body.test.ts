/** Replies: their members in order, each as JSON.stringify prints it, whole or in slices. */
import { Readable } from 'node:stream';
import t from 'tap';
import { FlagList } from '../../src/json/flag-reader.js';
import {
  isPrintedWhole,
  type Member,
  type Piece,
  printBody,
  printPieces,
  printSlices,
} from '../../src/json/print-body.js';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers } from '../../src/json/print-matrix.js';

/** The text of a reply, whether it came as a stream, and how often its printing was timed. */
async function printed(print: (onPrinted: (ms: number) => void) => string | Readable) {
  const times: number[] = [];
  const body = print((ms) => times.push(ms));
  const slices: Buffer[] = [];
  if (body instanceof Readable) for await (const slice of body) slices.push(slice as Buffer);
  const text = body instanceof Readable ? Buffer.concat(slices).toString() : body;
  return { text, isStream: body instanceof Readable, slices: slices.length, times };
}

const flags = (count: number, shape: readonly number[]) =>
  new FlagList(
    Uint8Array.from({ length: count }, (_, index) => index % 2),
    { shape, raggedPath: undefined },
  );

/** A member of each kind, with `count` numbers in all, and the value that its JSON has. */
function members(count: number): { members: Member[]; value: Record<string, unknown> } {
  const rest = count - 2 - 3 - 4 - 2;
  const integers = Int32Array.from({ length: rest }, (_, index) => index - 5);
  return {
    members: [
      { name: 'seed', value: '17' },
      { name: 'samples', numbers: Float32Array.of(0.5, -1.5), shape: [2, 1] },
      { name: 'options', value: { hard: [true], none: null } },
      { name: 'log_prob', numbers: Float64Array.of(-0.1, 1 / 3, 2), shape: [3] },
      { name: 'hard', list: flags(4, [2, 2]) },
      { name: 'indices', numbers: integers, shape: [1, rest] },
      { name: 'flat', list: flags(2, [2]) },
      { name: 'last', value: 1.5 },
    ],
    value: {
      seed: '17',
      samples: [[0.5], [-1.5]],
      options: { hard: [true], none: null },
      log_prob: [-0.1, 1 / 3, 2],
      hard: [
        [false, true],
        [false, true],
      ],
      indices: [[...integers]],
      flat: [false, true],
      last: 1.5,
    },
  };
}

t.test('members of every kind, in order: whole up to 4,096 numbers, a stream above', async (t) => {
  for (const count of [20, 4096, 4097, 20_000]) {
    const { members: given, value } = members(count);
    const { text, isStream, times } = await printed((onPrinted) => printBody(given, onPrinted));
    t.equal(text, JSON.stringify(value), `${count} numbers`);
    t.equal(isStream, count > 4096);
    t.equal(isStream, !isPrintedWhole(count));
    t.equal(times.length, 1, 'the time is told once');
    t.ok(times[0] >= 0);
  }
});

t.test('only members without numbers', async (t) => {
  const { text } = await printed((onPrinted) => printBody([{ name: 'a', value: [] }], onPrinted));
  t.equal(text, '{"a":[]}');
});

t.test('float64 numbers are printed in slices, too', async (t) => {
  const numbers = Float64Array.from({ length: 10_000 }, (_, index) => index / 7);
  const pieces: Piece[] = ['[', { numbers, shape: [2, 5000] }, ',', flags(5000, [5000]), ']'];
  const { text, slices, isStream } = await printed((onPrinted) => printPieces(pieces, onPrinted));
  t.ok(isStream);
  const expected = [[...numbers.subarray(0, 5000)], [...numbers.subarray(5000)]];
  t.equal(text, JSON.stringify([expected, Array.from({ length: 5000 }, (_, index) => index % 2 === 1)]));
  t.equal(slices, 3 + 3 + 3, 'three texts, 4,096 float64 a slice, 2,048 entries of a list');
});

t.test('other work runs between two slices', async (t) => {
  const numbers = new Float64Array(20_000);
  let turns = 0;
  const count = () => {
    turns++;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const turnsAt: number[] = [];
  for await (const _ of printSlices([{ numbers, shape: [20_000] }], () => {})) turnsAt.push(turns);
  clearImmediate(immediate);
  t.equal(turnsAt.length, 5);
  t.same(
    turnsAt,
    [...new Set(turnsAt)].sort((a, b) => a - b),
    'each slice has a turn of its own',
  );
  t.ok(turnsAt[0] > 0);
});

t.test('numbers of more than one slice: whole and in slices, they join to the same', async (t) => {
  const count = 30_000;
  const floats = Float32Array.from({ length: count }, (_, index) => (index % 5 === 0 ? index / 3 : 0));
  const integers = Int32Array.from({ length: count }, (_, index) => index * 65_537 - 2 ** 30);
  const nested = (values: readonly unknown[], [outer, ...inner]: readonly number[]): unknown => {
    if (inner.length === 0) return values;
    const size = values.length / outer;
    return Array.from({ length: outer }, (_, at) => nested(values.slice(at * size, (at + 1) * size), inner));
  };
  for (const shape of [[count], [3, 10_000], [15_000, 2], [2, 3, 5, 1000], [2, 1, 3, 5, 1, 10, 1, 100, 1]]) {
    // The shortest decimal of a float32 is not that of the same float64.
    const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Math.fround(value) : value);
    const want = JSON.stringify(nested([...floats], shape));
    for (const text of [printFloats(floats, shape), [...printFloatSlices(floats, shape)].join('')]) {
      t.equal(JSON.stringify(JSON.parse(text, rounded)), want);
    }
    const whole = JSON.stringify(nested([...integers], shape));
    t.equal(printIntegers(integers, shape), whole);
    t.equal([...printIntegerSlices(integers, shape)].join(''), whole);
  }
});
