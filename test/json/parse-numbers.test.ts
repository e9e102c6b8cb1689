import t from 'tap';
import { BodyFields } from '../../src/json/body-fields.js';
import type { NumberMatrix } from '../../src/json/number-matrix.js';
import { parseBodySync } from '../../src/json/parse-body.js';
import { edgeDecimals, families, Random } from '../support/decimals.js';

const fields = new BodyFields({ x: { holds: 'numbers', axesMax: 3 } });

function parse(texts: readonly string[], sliceBytesMax = 65_536): NumberMatrix {
  const body = Buffer.from(`{"x":[${texts.join(',')}]}`);
  return (parseBodySync(body, fields, { sliceBytesMax }) as { x: NumberMatrix }).x;
}

/** The first text whose float32 differs in any bit from what JSON.parse and Math.fround give, or undefined. */
function firstWrong(texts: readonly string[], sliceBytesMax?: number): string | undefined {
  const expected = Float32Array.from(JSON.parse(`[${texts.join(',')}]`));
  const expectedBits = new Int32Array(expected.buffer);
  const { data, infiniteCount } = parse(texts, sliceBytesMax);
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  const wrong = texts.findIndex((_, index) => bits[index] !== expectedBits[index]);
  if (wrong >= 0) return texts[wrong];
  const infinite = expected.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
  return infinite === infiniteCount ? undefined : `${infiniteCount} infinite values instead of ${infinite}`;
}

t.test('every family of hard decimals parses to the bits of Math.fround(JSON.parse)', async (t) => {
  const batch = 20_000;
  for (const [index, family] of families.entries()) {
    const random = new Random(0x9e3779b9 + index);
    const count = Math.ceil(1_000_000 / family.cost);
    let wrong: string | undefined;
    for (let done = 0; done < count && wrong === undefined; done += batch) {
      const texts = Array.from({ length: Math.min(batch, count - done) }, () => family.make(random));
      wrong = firstWrong(texts);
    }
    t.equal(wrong, undefined, `${count} of ${family.name}`);
  }
});

t.test('numbers on an edge parse to the bits of Math.fround(JSON.parse), each alone and in slices', async (t) => {
  for (const text of edgeDecimals) {
    for (const spelled of [text, text.startsWith('-') ? text.slice(1) : `-${text}`]) {
      t.equal(firstWrong([spelled]), undefined);
      t.equal(firstWrong([spelled, '1'], 8), undefined);
    }
  }
});

t.test('numbers longer than a slice parse to the same bits', async (t) => {
  const random = new Random(5);
  for (const family of families) {
    const texts = Array.from({ length: Math.ceil(2000 / Math.sqrt(family.cost)) }, () => family.make(random));
    for (const slice of [8, 9, 13, 64, 1000])
      t.equal(firstWrong(texts, slice), undefined, `${family.name}, slice ${slice}`);
  }
});

t.test('a number of a million digits is rounded correctly', async (t) => {
  const zeros = '0'.repeat(1_000_000);
  // 2^24 + 1 is halfway between two float32, and a last digit decides; in float64 it is lost, as JSON.parse loses it.
  for (const text of [
    `16777217.${zeros}1`,
    `1${zeros}e-1000000`,
    `0.${zeros}25e1000001`,
    `9007199254740993.${zeros}1`,
    `-${'9'.repeat(1_000_000)}`,
  ]) {
    t.equal(firstWrong([text, '2']), undefined);
  }
});

t.test('a slice full of characters that only look like a number is refused, not read for ever', async (t) => {
  for (const piece of ['.', '/', 'e', '-', '+', 'E', '1.', '-.', '00', 'e1', 'n', '1e']) {
    for (const [sliceBytesMax, length] of [
      [8, 100],
      [65_536, 200_000],
    ]) {
      const body = Buffer.from(`{"x":[${piece.repeat(length)},1]}`);
      t.throws(() => parseBodySync(body, fields, { sliceBytesMax }), { name: 'MalformedJsonError' }, piece);
    }
  }
});

t.test('malformed numbers are refused wherever they stand', async (t) => {
  const malformed = [
    '01',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
    '1.e5',
    'NaN',
    'Infinity',
    '-Infinity',
    '-',
    '0x10',
    '1_000',
    '--1',
    '-01',
    '00',
    '1.2.3',
    '1e5.5',
    '1e5e5',
    '1-2',
    '1 2',
    '- 1',
    '1e 5',
    "'1'",
    '1,',
    ',1',
    '',
    'nul',
    'nulll',
    'Null',
    '\u0661',
    '1f',
    '1n',
    '0e',
    '-.5',
    '1\u00a0',
    '\v1',
    '1;2',
    `1${'0'.repeat(99)}.`,
    `${'1'.repeat(99)}x`,
    `-${'0'.repeat(99)}`,
    `1e${'9'.repeat(99)}.0`,
    `0.${'3'.repeat(99)}-`,
  ];
  for (const text of malformed) {
    for (const matrix of [
      `[${text},1]`,
      `[1,${text},1]`,
      `[1,${text || ','}]`,
      `[[${text},1]]`,
      `[[1],[${text},1]]`,
      `[[1],${text}]`,
    ]) {
      const body = `{"x":${matrix}}`;
      for (const sliceBytesMax of [8, 11, 65_536]) {
        t.throws(
          () => parseBodySync(Buffer.from(body), fields, { sliceBytesMax }),
          { name: 'MalformedJsonError' },
          body.slice(0, 80),
        );
      }
    }
  }
});
