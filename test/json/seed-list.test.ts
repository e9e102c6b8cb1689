/** Seeds of a body: read as JSON.parse reads them, and repeated as JSON.stringify would. */
import fc from 'fast-check';
import t from 'tap';
import { BodyFields } from '../../src/json/body-fields.js';
import { FlagList } from '../../src/json/flag-reader.js';
import { parseBody, parseBodySync } from '../../src/json/parse-body.js';
import { printBody } from '../../src/json/print-body.js';
import { SeedList } from '../../src/json/seed-list.js';
import { readSeeds } from '../../src/json/seed-reader.js';
import { expectedMatrix } from '../support/expected-matrix.js';

const fields = new BodyFields({
  seed: { holds: 'seeds', axesMax: 1, countMax: 8 },
  hard: { holds: 'flags', axesMax: 1, countMax: 8 },
  'inputs[].data': { holds: 'elements', axesMax: 3 },
});

/**
 * What is right of an array of seeds: its words and its JSON, or the rows that are no seeds; undefined for another
 * array.
 */
function expected(values: readonly unknown[]): unknown {
  if (!values.every((value) => typeof value === 'number' || typeof value === 'string')) return undefined;
  const isSeed = (value: number | string) =>
    typeof value === 'number'
      ? Number.isSafeInteger(value) && value >= 0
      : /^(0|[1-9][0-9]{0,19})$/.test(value) && BigInt(value) < 2n ** 64n;
  const wrong = values.flatMap((value, row) => (isSeed(value) ? [] : [row]));
  if (wrong.length > 0) return { wrong };
  const words = values.flatMap((value) => {
    const seed = BigInt(value);
    return [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  });
  return { words, json: JSON.stringify(values) };
}

function actual(value: unknown): unknown {
  if (!(value instanceof SeedList)) return undefined;
  if (value.wrong.length > 0) return { wrong: value.wrong.map(({ row }) => row) };
  return { words: [...value.words], json: `[${value.print(0, value.count)}]` };
}

const escaped = (digits: string) => `"${[...digits].map((digit) => `\\u003${digit}`).join('')}"`;
const entry = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 65n }).map((seed) => `"${seed}"`),
  fc.bigInt({ min: 0n, max: 2n ** 54n }).map(String),
  fc.nat().map(String),
  fc.nat().map((seed) => escaped(String(seed))),
  fc.constantFrom(
    '-0',
    '-1',
    '1.5',
    '1e3',
    '1.0',
    '"01"',
    '""',
    '"x"',
    '"é"',
    '"18446744073709551616"',
    '9007199254740992',
  ),
  { weight: 1, arbitrary: fc.constantFrom('null', 'true', '{}', '{"a":[1]}') },
);
const space = fc.constantFrom('', '', ' ', '\n\t');

t.test('an array of seeds is read as JSON.parse reads it and printed as JSON.stringify prints it', async (t) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), space, (entries, separator) => {
      const text = `[${separator}${entries.join(`${separator},${separator}`)}${separator}]`;
      const { seed } = parseBodySync(Buffer.from(`{"seed":${text}}`), fields) as { seed: unknown };
      const values = JSON.parse(text) as unknown[];
      const want = JSON.stringify(expected(values));
      if (JSON.stringify(actual(seed)) !== want)
        throw new Error(`${text}: ${JSON.stringify(actual(seed))} instead of ${want}`);
      if (want === undefined && JSON.stringify(seed) !== JSON.stringify(values)) throw new Error(`${text} was changed`);
    }),
    { seed: 17, numRuns: 5000 },
  );
  t.pass('5000 arrays');
});

t.test('malformed arrays of seeds are malformed JSON', async (t) => {
  for (const text of [
    '[1,]',
    '[,1]',
    '[1 2]',
    '[01]',
    '[1',
    '["1]',
    '["\n"]',
    '[1.]',
    '[+1]',
    '["\\x"]',
    '[1}',
    '[e]',
  ]) {
    t.throws(() => parseBodySync(Buffer.from(`{"seed":${text}}`), fields), { name: 'MalformedJsonError' }, text);
  }
});

t.test(
  'more seeds than allowed are refused where they are too many, and other entries of a long array at their place',
  async (t) => {
    const refusal = (text: string) => {
      try {
        parseBodySync(Buffer.from(text), fields);
      } catch (error) {
        return (error as { errors: unknown[] }).errors[0];
      }
      return undefined;
    };
    t.match(refusal(`{"seed":[${'1,'.repeat(8)}{}`), { pointer: '/seed', message: /at most 8/ });
    t.match(refusal(`{"seed":[1,2,{}${',1'.repeat(10_000)}]}`), { pointer: '/seed/2' });
    t.match(refusal(`{"inputs":[{},{"data":[true,false,1${',true'.repeat(10_000)}]}]}`), {
      pointer: '/inputs/1/data/2',
    });
  },
);

t.test('arrays of flags become bytes; one of something else as well stays as it is', async (t) => {
  const dataOf = async (text: string) => {
    const { inputs } = (await parseBody(Buffer.from(`{"inputs":[{"data":${text}}]}`), fields)) as {
      inputs: [{ data: unknown }];
    };
    return inputs[0].data;
  };
  const flags = Array.from({ length: 65_536 }, (_, at) => at % 3 === 0);
  const data = (await dataOf(JSON.stringify(flags))) as FlagList;
  t.ok(data instanceof FlagList);
  t.same(Array.from(data.flags, Boolean), flags);
  t.same(await dataOf('[true , false]'), new FlagList(Uint8Array.of(1, 0), { shape: [2], raggedPath: undefined }));
  t.same(await dataOf('[true,1]'), [true, 1]);
  await t.rejects(dataOf('[true,]'), { name: 'MalformedJsonError' });
  await t.rejects(dataOf('[tru]'), { name: 'MalformedJsonError' });
});

/** The lists of a body that holds nested ones: shape, ragged path, and JSON as a reply has it; undefined for others. */
const nested = new BodyFields({
  seed: { holds: 'seeds', axesMax: 7, countMax: 64 },
  hard: { holds: 'flags', axesMax: 7, countMax: 64 },
});

function listOf(name: 'seed' | 'hard', text: string): unknown {
  const { [name]: list } = parseBodySync(Buffer.from(`{"${name}":${text}}`), nested) as Record<string, unknown>;
  if (!(list instanceof SeedList) && !(list instanceof FlagList)) return undefined;
  const { shape, raggedPath, count } = list;
  if (raggedPath || count === 0) return { shape, raggedPath };
  const json = printBody([{ name, list }], () => {});
  return { shape, raggedPath, json };
}

t.test('nested lists have the shape that arrays of numbers have, and are printed as they came', async (t) => {
  const leaf = fc.constantFrom(true, false);
  const seeds = fc.oneof(fc.nat(), fc.nat().map(String));
  const anyList = fc.integer({ min: 1, max: 7 }).chain((rank) => {
    let level: fc.Arbitrary<unknown> = fc.tuple(leaf, seeds);
    for (let axis = 0; axis < rank; axis++) {
      const size = axis % 3 === 0 ? 2 : 1;
      level = fc.array(level, { minLength: size - 1, maxLength: size });
    }
    return level;
  });
  /** The same list with the first or the second of the two values of each leaf, or their place for both. */
  const pick = (value: unknown, take: (pair: unknown[]) => unknown): unknown => {
    const items = value as unknown[];
    return items.length === 2 && typeof items[0] === 'boolean' ? take(items) : items.map((item) => pick(item, take));
  };
  const property = fc.property(anyList, (value) => {
    const matrix = expectedMatrix(pick(value, () => 1));
    for (const name of ['hard', 'seed'] as const) {
      const given = pick(value, ([flag, seed]) => (name === 'hard' ? flag : seed));
      const text = JSON.stringify(given);
      const isWhole = matrix && !matrix.raggedPath && !matrix.shape.includes(0);
      const want = matrix && {
        shape: matrix.shape,
        raggedPath: matrix.raggedPath,
        ...(isWhole && { json: `{"${name}":${text}}` }),
      };
      if (JSON.stringify(listOf(name, text)) !== JSON.stringify(want)) {
        throw new Error(`${text}: ${JSON.stringify(listOf(name, text))} instead of ${JSON.stringify(want)}`);
      }
    }
  });
  fc.assert(property, { seed: 22, numRuns: 2000 });
  t.pass('2000 lists of seeds and flags');
});

t.test('lists that are too deep or too long are refused, malformed ones are no JSON', async (t) => {
  const refusal = (text: string) => {
    try {
      parseBodySync(Buffer.from(text), nested);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  t.match(refusal('{"hard":[[[[[[[[true]]]]]]]]}'), {
    errors: [{ pointer: '/hard/0/0/0/0/0/0/0', message: /hard has 8 axes, but at most 7/ }],
  });
  t.match(refusal(`{"seed":${'['.repeat(100_000)}`), { errors: [{ pointer: '/seed/0/0/0/0/0/0/0' }] });
  t.match(refusal(`{"hard":[${'[true],'.repeat(64)}[true]]}`), {
    errors: [{ pointer: '/hard', message: /at most 64/ }],
  });
  for (const text of ['[[1,],[2]]', '[[1],]', '[[1][2]]', '[[1]', '[[1]]]', '[,[1]]']) {
    t.match(refusal(`{"seed":${text}}`), { name: 'MalformedJsonError' }, text);
  }
  t.same(listOf('hard', '[[true],false]'), undefined, 'left to JSON.parse, and so to the schema');
  t.same(listOf('hard', '[true,[false]]'), undefined);
});

t.test('a long list is printed in slices that join to the whole', async (t) => {
  const count = 3 * 2 * 2500;
  const flags = Uint8Array.from({ length: count }, (_, index) => index % 2);
  for (const shape of [[count], [3, 2, 2500], [count, 1], [3, 5000, 1]]) {
    const list = new FlagList(flags, { shape, raggedPath: undefined });
    const body = printBody([{ name: 'hard', list }], () => {});
    t.not(typeof body, 'string', 'not printed in one turn');
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    const { hard } = JSON.parse(Buffer.concat(chunks).toString()) as { hard: never };
    t.same(expectedMatrix(JSON.parse(JSON.stringify(hard).replaceAll('true', '1').replaceAll('false', '0'))), {
      shape,
      data: Float32Array.from(flags),
      nullCount: 0,
      infiniteCount: 0,
      raggedPath: undefined,
      text: undefined,
    });
  }
});

t.test('the seeds of a long list are read in several turns, and what is no seed ends them', async (t) => {
  const memory = { hold: () => {}, free: () => {} } as unknown as Parameters<typeof readSeeds>[3];
  const seeds = Array.from({ length: 50_000 }, (_, row) => row);
  const read = await readSeeds(Buffer.from(JSON.stringify(seeds)), 1, seeds.length, memory);
  t.same(
    read?.words.filter((_, at) => at % 2 === 0),
    Uint32Array.from(seeds),
  );
  t.equal(await readSeeds(Buffer.from('[1, true, 3]'), 1, 3, memory), undefined);
});
