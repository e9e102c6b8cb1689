/** Bodies that few clients send: each takes a branch of the parser or of a printer that no other test comes to. */
import t from 'tap';
import type { Problem } from '../../src/errors.js';
import { BodyFields } from '../../src/json/body-fields.js';
import type { FlagList } from '../../src/json/flag-reader.js';
import type { MalformedJsonError } from '../../src/json/malformed-json-error.js';
import type { NumberMatrix } from '../../src/json/number-matrix.js';
import { parseBodySync } from '../../src/json/parse-body.js';
import { printDoubleSlices } from '../../src/json/print-doubles.js';

const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 2 },
  seed: { holds: 'seeds', axesMax: 2, countMax: 100 },
  hard: { holds: 'flags', axesMax: 2, countMax: 100 },
  flags: { holds: 'flags', axesMax: 1, countMax: 30_000 },
});

function failure(body: string | Buffer): Error {
  try {
    parseBodySync(Buffer.from(body), fields);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The body was accepted.');
}

t.test('a name in escapes that is longer than any field is no field', async (t) => {
  const body = { [`${'\\u0061'.repeat(40)}`]: 1 };
  const text = `{"${Object.keys(body)[0]}":[1],"logits":[2]}`;
  const parsed = parseBodySync(Buffer.from(text), fields) as { logits: NumberMatrix };
  t.same([...parsed.logits.data], [2]);
  t.same(Object.keys(parsed), ['a'.repeat(40), 'logits']);
});

t.test('flags between which there is more white space than a step reads', async (t) => {
  const text = `{"hard":[true,${' '.repeat(100_000)}false]}`;
  const { hard } = parseBodySync(Buffer.from(text), fields) as { hard: FlagList };
  t.same([...hard.flags], [1, 0]);
});

t.test('more flags than JSON.parse is given, which begin with either of them', async (t) => {
  for (const [first, second] of [
    [false, true],
    [true, false],
  ]) {
    const list = `${first},${`${second},`.repeat(20_000)}${first}`;
    const { flags } = parseBodySync(Buffer.from(`{"flags":[${list}]}`), fields) as { flags: FlagList };
    t.same([...flags.flags], JSON.parse(`[${list}]`).map(Number));
    const { errors } = failure(`{"flags":[${list},1]}`) as Problem;
    t.match(errors, [{ pointer: '/flags/20002', message: 'must be true or false' }]);
  }
});

t.test('a seed that is not UTF-8', async (t) => {
  const error = failure(Buffer.from('{"seed":["\xff"]}', 'latin1')) as MalformedJsonError;
  t.match(error.message, /^The body is not UTF-8: at byte 10/);
});

t.test('a control character that JSON allows in a string, in front of a fault', async (t) => {
  const error = failure('{"a":"\u007f\u0085", x}') as MalformedJsonError;
  t.equal(error.position, Buffer.byteLength('{"a":"\u007f\u0085", '));
});

t.test('a body that is no object and is longer than what JSON.parse is given', async (t) => {
  const { code, errors } = failure(`[${'1,'.repeat(40_000)}1]`) as Problem;
  t.equal(code, 'validation');
  t.match(errors, [{ pointer: '', message: /^must be an object/ }]);
});

t.test('a number that is longer than what JSON.parse is given', async (t) => {
  const { code } = failure(`{"other":${'1'.repeat(70_000)}}`) as Problem;
  t.equal(code, 'body-too-large');
});

t.test('float64 of more than one slice', async (t) => {
  const numbers = Float64Array.from({ length: 10_000 }, (_, index) => index / 8);
  const slices = [...printDoubleSlices(numbers, [100, 100])];
  t.equal(slices.length, 3);
  t.same(JSON.parse(Buffer.concat(slices).toString()).flat(), [...numbers]);
});
