/** Seeds of a body: read as JSON.parse reads them, and repeated as JSON.stringify would. */
import fc from 'fast-check';
import t from 'tap';
import { BodyFields } from '../../src/json/body-fields.js';
import { FlagList } from '../../src/json/flag-reader.js';
import { parseBody, parseBodySync } from '../../src/json/parse-body.js';
import { SeedList } from '../../src/json/seed-list.js';

const fields = new BodyFields({
  seed: { holds: 'seeds', countMax: 8 },
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
  { weight: 1, arbitrary: fc.constantFrom('null', 'true', '{}', '[1]') },
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
  t.same(await dataOf('[true , false]'), new FlagList(Uint8Array.of(1, 0)));
  t.same(await dataOf('[true,1]'), [true, 1]);
  await t.rejects(dataOf('[true,]'), { name: 'MalformedJsonError' });
  await t.rejects(dataOf('[tru]'), { name: 'MalformedJsonError' });
});
