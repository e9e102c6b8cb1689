/** The scan of a body by itself: what a step costs, what is left out of the rest, and each refusal with its pointer. */
import t from 'tap';
import { Problem } from '../../src/errors.js';
import { newMemory } from '../../src/json/array-reader.js';
import { BodyFields } from '../../src/json/body-fields.js';
import { BodyScan, plainLimits } from '../../src/json/body-scan.js';
import { textBytesMax } from '../../src/json/codec-instance.js';
import type { MalformedJsonError } from '../../src/json/malformed-json-error.js';
import { parseBodySync } from '../../src/json/parse-body.js';

const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 3, axes: 'send [K] or [B][K]' },
  cotangent: { holds: 'numbers', axesMax: 2 },
  seed: { holds: 'seeds', axesMax: 2, countMax: 8 },
  'inputs[].data': { holds: 'elements', axesMax: 2 },
});

/** The scan of a text and the cost of each of its steps. */
function scanned(text: string | Buffer): { scan: BodyScan; costs: number[] } {
  const scan = new BodyScan(Buffer.from(text as string), fields, textBytesMax, newMemory);
  const costs: number[] = [];
  while (!scan.finished) costs.push(scan.step());
  return { scan, costs };
}

interface Refusal {
  readonly code: string;
  readonly detail: string;
  readonly pointer?: string;
  readonly message?: string;
  readonly position?: number | undefined;
}

/** The error of a body that is refused: its code, detail, and first error; or the byte at which it is no JSON. */
function refusal(text: string): Refusal {
  try {
    parseBodySync(Buffer.from(text), fields);
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, detail: error.message, ...error.errors[0] };
    const { name, message, position } = error as MalformedJsonError;
    return { code: name, detail: message, position };
  }
  throw new Error(`${text.slice(0, 100)} was accepted`);
}

t.test('a step costs the bytes that it goes through, and 256 for a member', async (t) => {
  // The opening brace; a member of plain JSON; a member, then its array from behind the bracket; another one; the end.
  t.same(scanned('{"x":[1,2,3],"logits":[1,2,3],"a":1}').costs, [
    1 + 256,
    '"x":[1,2,3],'.length + 256,
    '"logits":'.length + 256,
    '1,2,3]'.length,
    '"a":1}'.length + 256,
    0 + 256,
  ]);
  const space = ' '.repeat(70_000);
  t.same(
    scanned(`{${space}"a":1}`).costs,
    [1 + 256, 65_536, 70_000 - 65_536, '"a":1}'.length + 256, 256],
    'white space is left out in steps of 64 KiB',
  );
});

t.test('white space of 256 bytes and more is left out, of less is not', async (t) => {
  for (const length of [255, 256, 257]) {
    const { spans } = scanned(`{${' '.repeat(length)}"a":1}`).scan;
    t.same(spans, length < 256 ? [] : [{ start: 1, end: 1 + length, replacement: '' }], `${length} bytes`);
  }
  t.same(scanned(`{"a":1}${'\n'.repeat(300)}`).scan.spans, [{ start: 7, end: 307, replacement: '' }]);
});

t.test('whether the text outside the arrays is ASCII', async (t) => {
  for (const [text, ascii] of [
    ['{"a":"x"}', true],
    ['{"a":"\u007f"}', true],
    ['{"a":"\u0080"}', false],
    ['{"é":1}', false],
    ['{"a":["é"]}', false],
    ['{"a":"\\é"}', false],
    ['[1]', false],
  ] as const) {
    t.equal(scanned(text).scan.ascii, ascii, text);
  }
  t.equal(scanned('{"a":"x"').scan.ascii, false, 'it did not come to the end of the object');
});

t.test('where a body breaks the grammar, as far as the scan sees it', async (t) => {
  for (const [text, position] of [
    ['{"a":1}', undefined],
    [' {"a":1} ', undefined],
    ['{"a" 1}', 5],
    ['{"a":1 2}', undefined],
    ['{"a":1', 6],
    ['{"a":1}x', 7],
    ['{"a":1} \n x', 10],
    ['{"logits":[1] "a":1}', 14],
    ['{"logits":[1]]', 13],
    ['{a:1}', 1],
    ['{"inputs":[{}{}]}', 13],
    ['{"inputs":[{"data":[1]]}', 22],
    ['x', 0],
    ['', 0],
    ['  ', 2],
    ['}', 0],
    [',', 0],
    ['"a"', undefined],
    ['-1', undefined],
    ['9', undefined],
    ['0', undefined],
    ['true', undefined],
    ['false', undefined],
    ['null', undefined],
    ['[1]', undefined],
  ] as const) {
    t.equal(scanned(text).scan.brokenPosition, position, text);
  }
});

t.test('a body of another Unicode encoding, at its first bytes alone', async (t) => {
  for (const encoding of ['utf16le', 'latin1'] as const) {
    const body = Buffer.from('{"a":1}', encoding);
    if (encoding === 'latin1') t.ok(scanned(body).scan.finished);
    else t.throws(() => scanned(body), { message: /UTF-16 or UTF-32/ });
  }
  t.throws(() => scanned(Buffer.from('\u0000{')), { message: /UTF-16 or UTF-32/ });
  const { spans } = scanned('\ufeff{"a":1}').scan;
  t.same(spans, [{ start: 0, end: 3, replacement: '' }], 'a byte order mark is left out');
  const inside = scanned(`{"a":1}${' '.repeat(300)}\ufeff`).scan;
  t.equal(inside.brokenPosition, 307, 'only at the start');
  // What follows white space is no first byte of the body.
  t.equal(scanned(`${' '.repeat(300)}\u0000{`).scan.brokenPosition, 300);
});

t.test('too much outside the arrays: the detail says the limit, the error where', async (t) => {
  const { valuesMax, bytesMax, depthMax } = plainLimits;
  const many = {
    code: 'body-too-large',
    detail: `The body has more than ${valuesMax} values outside its arrays of numbers. Send fewer.`,
    message: 'has too many values',
  };
  const members = (count: number) => Array.from({ length: count }, (_, index) => `"a${index}":1`).join();
  t.doesNotThrow(() => parseBodySync(Buffer.from(`{${members(valuesMax)}}`), fields));
  t.same(refusal(`{${members(valuesMax + 1)}}`), { ...many, pointer: '' });
  t.same(refusal(`{"inputs":[${'{},'.repeat(valuesMax)}{}]}`), { ...many, pointer: '/inputs' });
  const ones = (count: number) => new Array(count).fill('1').join();
  t.same(refusal(`{"inputs":[{"name":[${ones(valuesMax)}]}]}`), { ...many, pointer: '/inputs/0' });
  t.same(refusal(`{"inputs":[1,{"name":[${ones(valuesMax)}]}]}`), { ...many, pointer: '/inputs/1' });
  const long = {
    code: 'body-too-large',
    detail: `The body has more than ${bytesMax} bytes outside its arrays of numbers. Send fewer.`,
    message: 'is too long',
  };
  const text = (length: number) => `{"a":"${'x'.repeat(length - 8)}"}`;
  t.doesNotThrow(() => parseBodySync(Buffer.from(text(bytesMax)), fields));
  t.same(refusal(text(bytesMax + 8)), { ...long, pointer: '' });
  t.same(refusal(`{"temperature":1,"inputs":[{"name":"${'x'.repeat(bytesMax)}"}]}`), { ...long, pointer: '/inputs/0' });
  t.same(refusal(`{"a"${' '.repeat(bytesMax)}:1}`), { ...long, pointer: '' });
  t.same(refusal(`{"a":${' '.repeat(bytesMax)}1}`), { ...long, pointer: '' });
  t.same(refusal(`{"a":1${'1'.repeat(bytesMax)}}`), { ...long, pointer: '' });
  t.match(refusal(`[${'1,'.repeat(bytesMax)}1]`), {
    code: 'validation',
    pointer: '',
    message: 'must be an object, such as {"logits": [1, 0.5, -1]}',
  });
  const deep = {
    code: 'validation',
    message: `is nested too deep: the body may nest arrays and objects at most ${depthMax} deep`,
  };
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  t.doesNotThrow(() => parseBodySync(Buffer.from(`{"a":${nested(depthMax - 1)}}`), fields));
  t.match(refusal(`{"a":${nested(depthMax)}}`), { ...deep, pointer: '' });
  t.doesNotThrow(() => parseBodySync(Buffer.from(`{"inputs":[{"name":${nested(depthMax - 3)}}]}`), fields));
  t.match(refusal(`{"inputs":[{},{"name":${nested(depthMax - 2)}}]}`), { ...deep, pointer: '/inputs/1' });
  t.doesNotThrow(() => parseBodySync(Buffer.from(`{"inputs":[${nested(depthMax - 2)}]}`), fields));
  t.match(refusal(`{"inputs":[${nested(depthMax - 1)}]}`), { ...deep, pointer: '/inputs' });
});

t.test('arrays that have too many axes: how many, how many they may have, and what to send', async (t) => {
  const brackets = (count: number) => `{"logits":${'['.repeat(count)}1${']'.repeat(count)}}`;
  for (const [text, pointer, message] of [
    ['{"logits":[[[[1]]]]}', '/logits/0/0/0', 'logits has 4 axes, but at most 3: send [K] or [B][K]'],
    [brackets(16), '/logits/0/0/0', 'logits has 16 axes, but at most 3: send [K] or [B][K]'],
    [brackets(17), '/logits/0/0/0', 'logits has more than 16 axes, but at most 3: send [K] or [B][K]'],
    [
      '{"cotangent":[[ [ [1]]]]}',
      '/cotangent/0/0',
      'cotangent has 4 axes, but at most 2: do not nest arrays deeper than that',
    ],
    [
      '{"inputs":[{"name":1},{"data":[[[1]]]}]}',
      '/inputs/1/data/0/0',
      'data has 3 axes, but at most 2: do not nest arrays deeper than that',
    ],
  ] as const) {
    const { detail, ...refused } = refusal(text);
    t.same(refused, { code: 'validation', pointer, message });
  }
});

t.test('long arrays of another kind: the first element that is wrong, or the fault', async (t) => {
  const tail = ',1'.repeat(plainLimits.otherArrayBytesMax);
  for (const [text, pointer, message] of [
    [`{"logits":[1,"x"${tail}]}`, '/logits/1', 'must be a number or null'],
    [`{"seed":[1,true${tail}]}`, '/seed/1', 'must be an integer or a string of decimal digits'],
    [`{"inputs":[{},{"data":[1,"x"${tail}]}]}`, '/inputs/1/data/1', 'must be a number or null'],
    [`{"seed":[1,2,3,4,5,6,7,8,9${tail}]}`, '/seed', 'must have one entry per row of logits, at most 8'],
  ] as const) {
    const { detail, ...refused } = refusal(text);
    t.same(refused, { code: 'validation', pointer, message });
  }
  const before = '{"logits":';
  for (const [array, offset] of [
    [`[1 2${tail}]`, 3],
    [`[1,,2${tail}]`, 3],
    [`[,1${tail}]`, 1],
    [`[1,x${tail}]`, 3],
    [`[1,${' '.repeat(1000)}}${tail}]`, 1003],
    [`[1${' '.repeat(1000)}2${tail}]`, 1002],
    [`[1${' \t\n\r'.repeat(250)}:${tail}]`, 1002],
    [`[1${tail}`, 2 + tail.length],
  ] as const) {
    const { code, position } = refusal(`${before}${array}${array.endsWith(']') ? '}' : ''}`);
    t.same({ code, position }, { code: 'MalformedJsonError', position: before.length + offset }, array.slice(0, 10));
  }
});

t.test('skipping an array that is left to JSON.parse costs its bytes', async (t) => {
  const array = '[1,2,"x",4]';
  const { costs } = scanned(`{"logits":${array},"a":1}`);
  t.equal(costs.length, 5);
  // It was read up to the string, and is gone through once more.
  t.ok((costs[2] as number) >= array.length && (costs[2] as number) < 3 * array.length, String(costs[2]));
});

t.test('a name of a field in another place is no field', async (t) => {
  const body = parseBodySync(
    Buffer.from('{"data":[1],"inputs":[{"logits":[1],"inputs":[{"data":[2]}],"data":[3]}],"x":{"logits":[4]}}'),
    fields,
  ) as Record<string, unknown>;
  t.same(body.data, [1]);
  t.same(body.x, { logits: [4] });
  const [item] = body.inputs as Record<string, unknown>[];
  t.same(item?.logits, [1]);
  t.same(item?.inputs, [{ data: [2] }]);
  t.notOk(Array.isArray(item?.data), 'this one is');
});

t.test('the last of several members wins, whatever it holds', async (t) => {
  const parsed = (text: string) => parseBodySync(Buffer.from(text), fields) as Record<string, unknown>;
  t.equal(parsed('{"logits":[1],"logits":2}').logits, 2);
  t.notOk(Array.isArray(parsed('{"logits":2,"logits":[1]}').logits));
  t.equal(parsed('{"inputs":[{"data":[1]}],"inputs":3}').inputs, 3);
  t.same(parsed('{"inputs":[{"data":[1],"data":"x"}]}').inputs, [{ data: 'x' }]);
  t.same(parsed('{"inputs":[1,[2],"x",null]}').inputs, [1, [2], 'x', null]);
});
