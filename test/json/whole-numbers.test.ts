/** Arrays of integers: a number that is none is told from the integer that float32 would make of it. */
import fc from 'fast-check';
import t from 'tap';
import { BodyFields } from '../../src/json/body-fields.js';
import type { NumberMatrix } from '../../src/json/number-matrix.js';
import { parseBodySync } from '../../src/json/parse-body.js';
import { keepFractions } from '../../src/json/whole-numbers.js';

const fields = new BodyFields({
  indices: { holds: 'numbers', axesMax: 3, isWhole: true },
  other: { holds: 'numbers', axesMax: 3 },
});

/** The numbers of an array, as the schema sees them. */
async function read(array: string): Promise<number[]> {
  const { indices } = parseBodySync(Buffer.from(`{"indices":${array}}`), fields) as { indices: NumberMatrix };
  await keepFractions(indices);
  return [...indices.data];
}

t.test('what JSON.parse reads as an integer is one, and nothing else', async (t) => {
  for (const [text, whole] of [
    ['1', true],
    ['1.0', true],
    ['1e0', true],
    ['10E-1', true],
    ['100e-2', true],
    ['-0', true],
    ['0.9999999999', false],
    ['1.0000000001', false],
    ['9999999999e-10', false],
    ['0.00000000000000000000000000001', false],
    ['1e-400', true],
    ['3.5', false],
    ['0.99999999999999999999999999', true],
    [`1.${'0'.repeat(62)}`, true],
    [`1.${'0'.repeat(63)}`, false],
    [`1.${'0'.repeat(100)}`, false],
  ] as const) {
    for (const array of [`[${text}]`, `[7,${text}]`, `[ 7 , ${text}\n]`, `[[[7],[${text}]]]`]) {
      t.equal(Number.isInteger((await read(array)).at(-1)), whole, array);
    }
    if (text.length < 60) t.equal(Number.isInteger(JSON.parse(text)), whole, `${text}: as JSON.parse`);
  }
});

t.test('numbers keep their places, whatever the array looks like', async () => {
  const number = fc.oneof(
    fc.integer({ min: -9, max: 2 ** 22 }).map(String),
    fc.constantFrom('1.5', '2.0', '3e0', '0.99999999999', '1e-9', 'null', '16777217'),
  );
  const space = fc.constantFrom('', ' ', '\n', '\t \r');
  const row = fc
    .tuple(fc.array(number, { minLength: 3, maxLength: 3 }), space)
    .map(([items, gap]) => `[${items.join(`${gap},${gap}`)}${gap}]`);
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
      const text = `[${rows.join(' , ')}]`;
      const expected = (JSON.parse(text) as (number | null)[][]).flat();
      const found = await read(text);
      return (
        found.length === expected.length &&
        found.every((value, at) => Number.isInteger(value) === Number.isInteger(expected[at]))
      );
    }),
    { seed: 22, numRuns: 500 },
  );
});

t.test('a long array is looked at in turns, and its last number too', async (t) => {
  const found = await read(`[${'1.0,'.repeat(100_000)}0.9999999999]`);
  t.equal(found.length, 100_001);
  t.equal(found.at(-1), 0.5);
  t.ok(found.slice(0, -1).every((value) => value === 1));
});

t.test('only arrays of integers keep their text', async (t) => {
  const { other } = parseBodySync(Buffer.from('{"other":[0.9999999999]}'), fields) as { other: NumberMatrix };
  t.equal(other.text, undefined);
  t.equal(keepFractions(other), undefined);
});
