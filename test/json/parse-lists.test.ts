/** Matrices in the objects of a list: parseBody agrees with JSON.parse on any text, and puts each where it belongs. */
import fc from 'fast-check';
import t from 'tap';
import type { Problem } from '../../src/errors.js';
import { BodyFields } from '../../src/json/body-fields.js';
import type { FlagList } from '../../src/json/flag-reader.js';
import type { NumberMatrix } from '../../src/json/number-matrix.js';
import { parseBodySync } from '../../src/json/parse-body.js';
import { canonical, expectedMatrix, opensDeeper } from '../support/expected-matrix.js';

const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 3 },
  'inputs[].data': { holds: 'numbers', axesMax: 3 },
});

/** What parseBody should make of a text, the text of each matrix of a list left out, or the string 'refused'. */
function expected(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'refused';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const body = value as Record<string, unknown>;
  replace(body, 'logits');
  if (Array.isArray(body.inputs)) {
    for (const item of body.inputs)
      if (typeof item === 'object' && item !== null && !Array.isArray(item)) replace(item, 'data');
  }
  return body;
}

function replace(object: Record<string, unknown>, name: string): void {
  const matrix = Object.hasOwn(object, name) ? expectedMatrix(object[name]) : undefined;
  if (matrix !== undefined) object[name] = matrix;
}

function actual(text: string, sliceBytesMax: number): unknown {
  try {
    return parseBodySync(Buffer.from(text), fields, { sliceBytesMax });
  } catch (error) {
    if ((error as Error).name !== 'MalformedJsonError') throw error;
    return 'refused';
  }
}

function agrees(text: string): boolean {
  const want = canonical(expected(text));
  return [8, 13, 65_536].every((slice) => {
    try {
      return canonical(actual(text, slice)) === want;
    } catch (error) {
      const { message = '' } = (error as Problem).errors?.[0] ?? {};
      if (/axes, but at most 3/.test(message)) return opensDeeper(text, 3);
      return /nested too deep/.test(message) && opensDeeper(text, 12, '[]{}');
    }
  });
}

const number = fc.oneof(fc.integer().map(String), fc.constantFrom('1.5e3', '-0', '1e39', 'null', '9007199254740993'));
const row = fc.array(number, { maxLength: 4 }).map((items) => `[${items.join(', ')}]`);
const data = fc.oneof(
  row,
  fc.array(row, { maxLength: 3 }).map((rows) => `[ ${rows.join(',')}]`),
  fc
    .array(fc.array(row, { maxLength: 2 }), { maxLength: 2 })
    .map((deep) => `[${deep.map((rows) => `[${rows}]`).join()}]`),
  fc.json({ maxDepth: 2 }),
  fc.constantFrom('[true,false]', '["a"]', '{"data":[1]}', '[[1],2]'),
);
const itemKey = fc.constantFrom('"data"', '"d\\u0061ta"', '"name"', '"shape"', '"inputs"', '"logits"');
const object = (keys: fc.Arbitrary<string>, values: fc.Arbitrary<string>) =>
  fc
    .array(fc.tuple(keys, values), { maxLength: 4 })
    .map((members) => `{${members.map(([key, value]) => `${key} :${value}`).join(' , ')} }`);
const item = fc.oneof(
  { weight: 5, arbitrary: object(itemKey, data) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 1 }) },
);
const list = fc.array(item, { maxLength: 4 }).map((items) => `[ ${items.join(' ,\n')} ]`);
const key = fc.constantFrom('"inputs"', '"inputs"', '"inp\\u0075ts"', '"logits"', '"outputs"', '"data"');
const body = object(key, fc.oneof({ weight: 3, arbitrary: list }, data));

t.test('a legal body gives what JSON.parse gives, with the arrays of its lists as matrices', async (t) => {
  fc.assert(fc.property(body, agrees), { seed: 20_261_125, numRuns: 3000 });
  t.pass('3000 bodies at three slice sizes');
});

t.test('a mutated body is accepted with the same result or refused exactly as JSON.parse does', async (t) => {
  const mutated = fc
    .tuple(body, fc.nat(), fc.nat(), fc.constantFrom('', '[', ']', '{', '}', ',', ':', '"', '1', ' ', '\\'))
    .map(([text, at, count, put]) => {
      const from = at % (text.length + 1);
      return text.slice(0, from) + put + text.slice(from + (count % 3));
    });
  fc.assert(fc.property(mutated, agrees), { seed: 20_261_125, numRuns: 10_000 });
  t.pass('10,000 bodies at three slice sizes');
});

t.test('the last list of a name wins, and its matrices are its own', async (t) => {
  const text = '{"inputs":[{"data":[1]},{"data":[2]}],"inputs":[{"name":"x"},{"data":[[3,4]]}]}';
  const { inputs } = parseBodySync(Buffer.from(text), fields) as { inputs: { data?: NumberMatrix }[] };
  t.equal(inputs.length, 2);
  t.same(inputs[0], { name: 'x' });
  t.same(inputs[1]?.data?.data, Float32Array.of(3, 4));
});

t.test('a matrix of a list has the text it was read from, for integers that float32 cannot hold', async (t) => {
  const text = '{"inputs":[{"data": [9007199254740991 , 1]}],"logits":[1]}';
  const { inputs, logits } = parseBodySync(Buffer.from(text), fields) as {
    inputs: { data: NumberMatrix }[];
    logits: NumberMatrix;
  };
  t.equal(inputs[0]?.data.text?.toString(), '[9007199254740991 , 1]');
  t.equal(logits.text, undefined);
});

t.test('flags are flags whatever white space stands around them', async (t) => {
  const elements = new BodyFields({ 'inputs[].data': { holds: 'elements', axesMax: 3 } });
  for (const data of [
    '[true,false]',
    '[ true , false ]',
    '[\n\t true,\r\n false\n]',
    `[${' '.repeat(10_000)}true,false]`,
  ]) {
    const { inputs } = parseBodySync(Buffer.from(`{"inputs":[{"data":${data}}]}`), elements) as {
      inputs: { data: FlagList }[];
    };
    t.same(inputs[0]?.data.flags, Uint8Array.of(1, 0), data.slice(0, 40));
  }
});

t.test('values are counted over all objects of a body', async (t) => {
  const items = (count: number) => Array.from({ length: count }, () => '{"name":1,"data":[1]}').join();
  t.doesNotThrow(() => parseBodySync(Buffer.from(`{"inputs":[${items(80)}]}`), fields));
  t.throws(() => parseBodySync(Buffer.from(`{"inputs":[${items(90)}]}`), fields), { code: 'body-too-large' });
});
