/** The reader of seeds by itself: what it stores, the memory that it takes, its steps, and where it fails. */
import t from 'tap';
import { newMemory } from '../../src/json/array-reader.js';
import { readSeeds, SeedReader } from '../../src/json/seed-reader.js';

interface Limits {
  readonly axesMax?: number;
  readonly countMax?: number;
  /** Where the array begins in the text. */
  readonly position?: number;
}

/** A reader of the array in a text, and the sum that it holds of the memory. */
function readerOf(text: string, { axesMax = 3, countMax = 100, position = 1 }: Limits = {}) {
  const held = { bytes: 0 };
  const hold = (bytes: number) => {
    held.bytes += bytes;
  };
  const free = (bytes: number) => {
    held.bytes -= bytes;
  };
  const reader = new SeedReader(Buffer.from(text), position, axesMax, countMax, { ...newMemory, hold, free });
  return { reader, held };
}

function readAll(text: string, limits?: Limits): SeedReader {
  const { reader } = readerOf(text, limits);
  while (!reader.finished) reader.step();
  return reader;
}

/** The JSON of what was read, or where the reader failed. */
function seedsOf(text: string): string {
  const reader = readAll(text);
  if (reader.failed) return `failed at ${reader.position}`;
  const list = reader.value();
  return `[${list.print(0, list.count)}]`;
}

t.test(
  'every digit, the shortest and longest numbers, and numbers that are integers in another spelling',
  async (t) => {
    const numbers = ['0', '9', '10', '90', '1234567890', '999999999999999', '9007199254740991'];
    t.equal(seedsOf(`[${numbers}]`), `[${numbers}]`);
    t.equal(seedsOf('[1e3,1E3,100e-2,1.0,2e+0,-0]'), '[1000,1000,1,1,2,0]');
    t.equal(seedsOf('["18446744073709551615","0","4294967296"]'), '["18446744073709551615","0","4294967296"]');
  },
);

t.test('which seeds were strings, for more of them than a byte has bits', async (t) => {
  const seeds = Array.from({ length: 50 }, (_, row) => (row % 3 === 0 || row % 7 === 1 ? `"${row}"` : `${row}`));
  t.equal(seedsOf(`[${seeds}]`), `[${seeds}]`);
  t.equal(seedsOf(`[${seeds.reverse()}]`), `[${seeds}]`);
});

t.test('what is no seed: the first ten, with their rows and kinds', async (t) => {
  const wrong = ['-1', '"-1"', '1.5', '"a"', '9007199254740992', '"18446744073709551616"', '"\\u00e9"', '"é"', '"01"'];
  const list = readAll(`[7,${wrong},"8",-2,-3,-4]`).value();
  t.same(
    list.wrong,
    [...wrong, '-2'].map((text, index) => ({
      row: index < wrong.length ? 1 + index : 11,
      kind: text.startsWith('"') ? 'string' : 'number',
    })),
  );
  t.equal(list.count, 14);
});

t.test('a token of 256 bytes is read as a seed that is wrong, a longer one is left to JSON.parse', async (t) => {
  t.same(readAll(`["${'1'.repeat(254)}"]`).value().wrong, [{ row: 0, kind: 'string' }]);
  t.equal(seedsOf(`["${'1'.repeat(255)}"]`), 'failed at 1');
  t.same(readAll(`[${'1'.repeat(255)}]`).value().wrong, [{ row: 0, kind: 'number' }]);
  t.equal(seedsOf(`[5,${'1'.repeat(256)}]`), 'failed at 3');
  const escapes = [...'18446744073709551615'].map((digit) => `\\u003${digit}`).join('');
  t.equal(seedsOf(`["${escapes}"]`), '["18446744073709551615"]', 'a seed in escapes is shorter');
});

t.test('tokens that are no numbers or strings, and texts that end within one', async (t) => {
  for (const [text, position] of [
    ['[1a]', 2],
    ['[1/2]', 2],
    ['[1:2]', 2],
    ['[01]', 1],
    ['[+1]', 1],
    ['[-]', 1],
    ['[1.]', 1],
    ['[e]', 1],
    ['[x]', 1],
    ['[1,x]', 3],
    ['["\\x"]', 1],
    ['["a\n"]', 1],
    ['["1', 1],
    ['["1\\"', 1],
    ['[12', 1],
    ['[1,]', 3],
    ['[,1]', 1],
    ['[1 2]', 3],
    ['[[1],2]', 5],
    ['[1,[2]]', 3],
  ] as const) {
    t.equal(seedsOf(text), `failed at ${position}`, text);
  }
  t.same(readAll('["\\"","\\\\"]').value().wrong.length, 2, 'strings that hold a quote and a backslash');
});

t.test('nesting and counts above their limits', async (t) => {
  const deep = readAll('[[[[1]]]]');
  t.match(deep, { failed: true, tooDeep: true, tooMany: false, position: 3 });
  t.same(deep.path(), [0, 0, 0]);
  t.match(readAll('[[[1]]]'), { failed: false, tooDeep: false });
  const many = readAll('[[1,2],[3,4]]', { countMax: 3 });
  t.match(many, { failed: true, tooDeep: false, tooMany: true });
  t.same(many.path(), [1, 1]);
  t.match(readAll('[[1,2],[3]]', { countMax: 3 }), { failed: false, tooMany: false });
  t.match(readAll('[1,2,x]', { countMax: 3 }), { failed: true, tooMany: false });
});

t.test('memory: 8 bytes and a bit for each seed that the text has room for, given back once', async (t) => {
  for (const { text, position, countMax, bytes } of [
    { text: '[1,2,3]', position: 1, countMax: 100, bytes: 8 * 3 + 1 },
    { text: '[1,2,3]', position: 1, countMax: 2, bytes: 8 * 2 + 1 },
    { text: `[${'1,'.repeat(8)}1]`, position: 1, countMax: 100, bytes: 8 * 9 + 2 },
    { text: '{"s":[1]}', position: 6, countMax: 100, bytes: 8 * 2 + 1 },
  ]) {
    const { reader, held } = readerOf(text, { position, countMax });
    t.equal(held.bytes, bytes, text);
    reader.release();
    t.equal(held.bytes, 0);
  }
});

t.test('a step reads at most 16 KiB or 1,024 seeds, and costs its bytes and 8 for each seed', async (t) => {
  const steps = (text: string) => {
    const { reader } = readerOf(text, { countMax: 10_000 });
    const read: { bytes: number; cost: number }[] = [];
    while (!reader.finished) {
      const from = reader.position;
      const cost = reader.step();
      read.push({ bytes: reader.position - from, cost });
    }
    t.notOk(reader.failed);
    return read;
  };
  const short = steps(`[${'1,'.repeat(3000)}1]`);
  t.same(short.slice(0, 2), [
    { bytes: 2047, cost: 2047 + 8 * 1024 },
    { bytes: 2048, cost: 2048 + 8 * 1024 },
  ]);
  t.equal(short.length, 3);
  for (const space of [' ', '\t', '\r', '\n']) {
    const white = steps(`[1,${space.repeat(40_000)}2]`);
    t.same(
      white.map(({ bytes, cost }) => ({ bytes, elements: (cost - bytes) / 8 })),
      [
        { bytes: 16_384, elements: 1 },
        { bytes: 16_384, elements: 0 },
        { bytes: 40_004 - 32_768, elements: 1 },
      ],
    );
  }
  t.equal(steps(`[${'"18446744073709551615",'.repeat(900)}1]`).length, 2, 'the bytes end it, too');
});

t.test('readSeeds gives other work a turn of the event loop after every 128 KiB of cost', async (t) => {
  const turnsOf = async (count: number) => {
    let turns = 0;
    const next = () => {
      turns++;
      immediate = setImmediate(next);
    };
    let immediate = setImmediate(next);
    const text = Buffer.from(`[${new Array(count).fill('1').join()}]`);
    const list = await readSeeds(text, 1, count, newMemory);
    clearImmediate(immediate);
    t.equal(list?.count, count);
    t.same(list?.shape, [count]);
    return turns;
  };
  t.equal(await turnsOf(10_000), 0, '100,000 of cost');
  // The next turn begins after 13 steps of 1,024 seeds, each of which costs 10.
  t.equal(await turnsOf(30_000), 2, '300,000 of cost');
});
