/** A number of any length, read in parts: its short spelling is the same number, and only a number is accepted. */
import fc from 'fast-check';
import t from 'tap';
import { LongNumber } from '../../src/json/long-number.js';

/** Reads the text in parts of so many bytes. */
function readParts(text: string, partBytes: number) {
  const number = new LongNumber();
  const bytes = Buffer.from(text);
  let position = 0;
  for (let start = 0; start < bytes.length; start += partBytes) {
    const end = Math.min(start + partBytes, bytes.length);
    position = number.read(bytes, start, end);
    if (position < end) break;
  }
  return { number, position };
}

const digits = (fewest: number, most: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: fewest, maxLength: most }).map((list) => list.join(''));
const spellings = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      fc.tuple(fc.integer({ min: 1, max: 9 }), digits(0, 1200)).map((part) => part.join('')),
    ),
    fc.oneof(
      fc.constant(''),
      digits(1, 1200).map((part) => `.${part}`),
      fc.nat(900).map((zeros) => `.${'0'.repeat(zeros)}5`),
    ),
    fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.oneof(digits(1, 3), digits(1, 25)))
        .map((part) => part.join('')),
    ),
  )
  .map((parts) => parts.join(''));

t.test('a spelling of any length becomes one below 1,000 bytes of the same float64', async (t) => {
  const property = fc.property(spellings, fc.integer({ min: 1, max: 3000 }), (text, partBytes) => {
    const { number, position } = readParts(text, partBytes);
    if (position !== text.length || !number.complete) throw new Error(`${text} is not accepted`);
    const spelled = number.spell();
    if (spelled.length >= 1000) throw new Error(`${text} becomes ${spelled.length} bytes`);
    if (!Object.is(JSON.parse(spelled), JSON.parse(text))) throw new Error(`${text} becomes ${spelled}`);
  });
  fc.assert(property, { seed: 25, numRuns: 5000 });
  t.pass('5000 numbers');
});

t.test('what decides between two neighbours may stand behind any number of digits', async (t) => {
  const zeros = '0'.repeat(2000);
  for (const [text, value] of [
    [`9007199254740993.${zeros}`, 9007199254740992],
    [`9007199254740993.${zeros}1`, 9007199254740994],
    [`-9007199254740993.${zeros}1`, -9007199254740994],
    [`9007199254740993${zeros}1e-2001`, 9007199254740994],
    [`9007199254740993${zeros}e-2000`, 9007199254740992],
    [`0.${zeros}25e2001`, 2.5],
    [`${zeros.replace('0', '1')}e-1999`, 1],
    [`0.${zeros}`, 0],
    [`-0.${zeros}e5`, -0],
    ['0e999999999999999999999', 0],
    ['1e999999999999999999999', Number.POSITIVE_INFINITY],
    ['1e-999999999999999999999', 0],
    [`1${zeros}e-1000`, Number.POSITIVE_INFINITY],
    [`1${zeros}e-1700`, 1e300],
  ] as const) {
    for (const partBytes of [1, 7, 5000]) {
      const { number } = readParts(text, partBytes);
      t.ok(Object.is(Number(number.spell()), value), `${text.slice(0, 30)} in parts of ${partBytes}`);
    }
  }
});

t.test('it ends where no number goes on, and is complete where one may end', async (t) => {
  for (const [text, end, complete] of [
    ['0', 1, true],
    ['00', 1, true],
    ['01', 1, true],
    ['-', 1, false],
    ['--1', 1, false],
    ['-0', 2, true],
    ['-01', 2, true],
    ['+1', 0, false],
    ['.5', 0, false],
    ['e5', 0, false],
    ['1.', 2, false],
    ['1..', 2, false],
    ['1.e', 2, false],
    ['1.5', 3, true],
    ['1.5.', 3, true],
    ['0.5', 3, true],
    ['-.5', 1, false],
    ['1e', 2, false],
    ['1ee', 2, false],
    ['1e+', 3, false],
    ['1e+-', 3, false],
    ['1e5', 3, true],
    ['1E5', 3, true],
    ['1e-5', 4, true],
    ['1e05', 4, true],
    ['1e5e', 3, true],
    ['1e5.', 3, true],
    ['1e5-', 3, true],
    ['0e1', 3, true],
    ['1-', 1, true],
    ['1-2', 1, true],
    ['1/', 1, true],
    ['1:', 1, true],
    ['9', 1, true],
    ['', 0, false],
  ] as const) {
    for (const partBytes of [1, 100]) {
      const { number, position } = readParts(text, partBytes);
      t.match({ position, complete: number.complete }, { position: end, complete }, text);
    }
  }
});
