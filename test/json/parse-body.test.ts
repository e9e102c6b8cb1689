import fc from 'fast-check';
import t from 'tap';
import { Problem } from '../../src/errors.js';
import { BodyFields } from '../../src/json/body-fields.js';
import { plainLimits } from '../../src/json/body-scan.js';
import type { NumberMatrix } from '../../src/json/number-matrix.js';
import { type ParseOptions, parseBody, parseBodySync } from '../../src/json/parse-body.js';
import { canonical, expectedMatrix, opensDeeper } from '../support/expected-matrix.js';

const names = ['logits', 'cotangent'];
const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 3 },
  cotangent: { holds: 'numbers', axesMax: 3 },
});

/** What parseBody should make of a text, or the string 'refused'. */
function expected(text: string): unknown {
  let value: unknown;
  try {
    // A byte order mark in front is passed over (RFC 8259, section 8.1).
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return 'refused';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  for (const name of names) {
    const matrix = Object.hasOwn(value, name) ? expectedMatrix((value as Record<string, unknown>)[name]) : undefined;
    if (matrix !== undefined) (value as Record<string, unknown>)[name] = matrix;
  }
  return value;
}

function actual(body: Buffer, options?: ParseOptions): unknown {
  try {
    return parseBodySync(body, fields, options);
  } catch (error) {
    if ((error as Error).name !== 'MalformedJsonError') throw error;
    return 'refused';
  }
}

const slices = [8, 9, 10, 15, 31, 65_536];

function differs(text: string): string | undefined {
  const want = canonical(expected(text));
  for (const sliceBytesMax of slices) {
    let got: string;
    try {
      got = canonical(actual(Buffer.from(text), { sliceBytesMax }));
    } catch (error) {
      // Three axes are the most, and whatever follows the bracket of a fourth is not read.
      if (
        error instanceof Problem &&
        /axes, but at most 3/.test(error.errors[0]?.message ?? '') &&
        opensDeeper(text, 3)
      )
        continue;
      throw error;
    }
    if (got !== want) return `slice ${sliceBytesMax}: ${got} instead of ${want}`;
  }
  return undefined;
}

const spelledNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc.constantFrom('-0', '1E+05', '0.5', '1e39', '-1e400', '12345678901234567890', '0.1e-7', 'null'),
);
const space = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n', '  ');
const comma = fc.tuple(space, space).map(([before, after]) => `${before},${after}`);

function arrayOf(items: fc.Arbitrary<string>, maxLength = 6): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(items, { maxLength }), comma, space)
    .map(([texts, separator, edge]) => `[${edge}${texts.join(separator)}${edge}]`);
}

const row = arrayOf(spelledNumber);
const anyJson = fc.json({ maxDepth: 3 });
const value = fc.oneof(
  row,
  arrayOf(row),
  arrayOf(arrayOf(arrayOf(spelledNumber, 3), 3), 3),
  arrayOf(fc.oneof(row, spelledNumber, fc.constantFrom('true', '"x"', '{}', '[[1]]'))),
  anyJson,
);
const key = fc.constantFrom(
  '"logits"',
  '"cotangent"',
  '"l\\u006fgits"',
  '"logit\\u0073"',
  '"Logits"',
  '"logits "',
  '"lo\\"gits"',
  '"é\\\\"',
  '"\u{1F600}"',
  '"seed"',
  '""',
  '"7"',
  '"toString"',
);
const member = fc
  .tuple(space, key, space, space, value, space)
  .map((parts) => `${parts[0]}${parts[1]}${parts[2]}:${parts[3]}${parts[4]}${parts[5]}`);
const legalBody = fc.array(member, { maxLength: 5 }).map((members) => `{${members.join(',')}}`);

/** One edit of a text: a character taken out, put in, replaced, or the tail cut off. */
const edit = fc.record({
  kind: fc.constantFrom('remove', 'insert', 'replace', 'cut', 'repeat'),
  at: fc.nat(),
  piece: fc.constantFrom(
    ...'0123456789+-.eE,:[]{}" \\u\n\t\0\u00a0\ufeffn/*',
    'null',
    'true',
    '1e',
    '01',
    '-',
    '""',
    '[]',
    '{}',
    '"logits":[1]',
    ',"logits":[2,3]',
    'NaN',
    '],[',
    '\\u00',
  ),
});

function applyEdit(text: string, { kind, at, piece }: { kind: string; at: number; piece: string }): string {
  const position = at % (text.length + 1);
  const before = text.slice(0, position);
  if (kind === 'insert') return before + piece + text.slice(position);
  if (kind === 'cut') return before;
  if (kind === 'repeat') return text.slice(0, position + 5) + text.slice(position);
  return before + (kind === 'replace' ? piece : '') + text.slice(position + 1);
}

t.test('a legal body gives what JSON.parse gives, its number arrays as matrices, at every slice size', async () => {
  fc.assert(
    fc.property(legalBody, (text) => {
      const difference = differs(text);
      if (difference !== undefined) throw new Error(difference);
    }),
    { seed: 1, numRuns: 5_000 },
  );
});

t.test('a mutated body is accepted with the same result or refused exactly as JSON.parse does', async () => {
  fc.assert(
    fc.property(legalBody, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
      // An edit may split a surrogate pair, which UTF-8 cannot carry: the bytes then say U+FFFD.
      const difference = differs(Buffer.from(edits.reduce(applyEdit, text)).toString());
      if (difference !== undefined) throw new Error(difference);
    }),
    { seed: 2, numRuns: 20_000 },
  );
});

t.test('a value that is no object gives what JSON.parse gives', async (t) => {
  for (const text of [
    '[1,2]',
    '1',
    '"é"',
    'null',
    ' true ',
    '[{"logits":[1]}]',
    '',
    ' ',
    '{',
    '{}',
    '{}x',
    '{} {}',
    '"',
    '[',
    '{"logits":[1]',
    '{"logits":[1]}]',
  ]) {
    t.equal(differs(text), undefined, text);
  }
});

t.test('only the top level holds matrices', async (t) => {
  const body = Buffer.from('{"a":{"logits":[1]},"logits":[2],"b":["logits",[3]]}');
  t.same(JSON.parse(canonical(parseBodySync(body, fields))).a, { logits: [1] });
});

t.test('shapes of empty and ragged arrays', async (t) => {
  const nine = new BodyFields({ logits: { holds: 'numbers', axesMax: 9 } });
  const shapeOf = (text: string) => {
    const { logits } = parseBodySync(Buffer.from(`{"logits":${text}}`), nine) as { logits: NumberMatrix };
    return [logits.shape, logits.raggedPath];
  };
  t.same(shapeOf('[]'), [[0], undefined]);
  t.same(shapeOf('[[]]'), [[1, 0], undefined]);
  t.same(shapeOf('[[[],[]]]'), [[1, 2, 0], undefined]);
  t.same(shapeOf('[[],[1]]'), [[2, 0], [1]]);
  t.same(shapeOf('[[1,2],[3,4],[5],[6,7,8]]'), [[4, 2], [2]]);
  t.same(shapeOf('[[1,2],[3,null]]'), [[2, 2], undefined]);
  t.same(shapeOf('[null]'), [[1], undefined]);
  t.same(shapeOf('[[[1],[2]],[[3]]]'), [[2, 2, 1], [1]], 'an array with fewer rows');
  t.same(shapeOf('[[[1]],[]]'), [[2, 1, 1], [1]], 'an array without rows');
  t.same(
    shapeOf('[[[1,2]],[[3]],[[4],[5]]]'),
    [
      [3, 1, 2],
      [1, 0],
    ],
    'the first array that differs, the inner one',
  );
  t.same(shapeOf('[[[[[[[[[1,2]]]]]]]]]'), [[1, 1, 1, 1, 1, 1, 1, 1, 2], undefined]);
});

/** Number arrays of any rank up to nine, seldom rectangular, and the slice size at which they are read. */
const anyNested = fc
  .constantFrom(0, 0, 0, 1, 2)
  .chain((unevenness) => fc.tuple(fc.integer({ min: 1, max: unevenness === 1 ? 7 : 9 }), fc.constant(unevenness)))
  .chain(([rank, unevenness]) => {
    let level: fc.Arbitrary<string> = spelledNumber;
    for (let axis = 0; axis < rank; axis++) {
      const size = axis % 3 === 0 ? 2 : 1;
      const items = fc.array(level, { minLength: Math.max(0, size - (unevenness > 1 ? 1 : 0)), maxLength: size });
      const other = fc.constantFrom('1', '[]', '[[2]]', '[[]]', 'true', '[3,4]');
      level = fc.tuple(items, comma, fc.boolean(), other).map(([texts, separator, isOther, text]) => {
        const isReplaced = unevenness === 1 && isOther && texts.length > 1;
        return `[${(isReplaced ? [...texts.slice(1), text] : texts).join(separator)}]`;
      });
    }
    return level;
  });

t.test('arrays of any rank up to nine are matrices, ragged or left to JSON.parse, at every slice size', async (t) => {
  const nine = new BodyFields({ logits: { holds: 'numbers', axesMax: 9 } });
  const kinds = { whole: 0, ragged: 0, other: 0 };
  const property = fc.property(anyNested, (text) => {
    const want = expectedMatrix(JSON.parse(text)) ?? JSON.parse(text);
    kinds[Array.isArray(want) ? 'other' : want.raggedPath ? 'ragged' : 'whole'] += 1;
    for (const sliceBytesMax of slices) {
      const { logits } = parseBodySync(Buffer.from(`{"logits":${text}}`), nine, { sliceBytesMax }) as {
        logits: unknown;
      };
      if (canonical(logits) !== canonical(want)) throw new Error(`slice ${sliceBytesMax}: ${canonical(logits)}`);
    }
  });
  fc.assert(property, { seed: 22, numRuns: 5000 });
  t.ok(Math.min(...Object.values(kinds)) > 100, JSON.stringify(kinds));
});

t.test('the last of several members of one name wins, whatever kinds they are', async (t) => {
  for (const text of [
    '{"logits":[1],"logits":[2,3]}',
    '{"logits":[1],"logits":"x"}',
    '{"logits":"x","logits":[1]}',
    '{"logits":[1],"l\\u006fgits":[[2]]}',
    '{"logits":[1],"logits":[[[1]]],"logits":[]}',
    '{"logits":[1],"logits":[true]}',
  ]) {
    t.equal(differs(text), undefined, text);
  }
});

t.test('keys that could reach a prototype are refused, however they are spelled and wherever they stand', async (t) => {
  for (const text of [
    '{"__proto__":{"x":1},"logits":[1]}',
    '{"a":[{"__proto__":1}]}',
    '{"\\u005f_proto__":1}',
    '{"_\\u005Fproto\\u005f_":1}',
    '{"a":{"constructor":{"prototype":1}}}',
    '{"const\\u0072uctor":{"prot\\u006ftype":1}}',
    '[{"__proto__":1}]',
  ]) {
    t.throws(() => parseBodySync(Buffer.from(text), fields), { name: 'MalformedJsonError' }, text);
  }
  for (const text of [
    '{"constructor":1}',
    '{"a":"__proto__"}',
    '{"prototype":{}}',
    '{"constructor":{"a":1}}',
    '{"constructor":null}',
  ]) {
    t.equal(differs(text), undefined, text);
  }
});

t.test('bytes that are not UTF-8 are refused, inside strings and out, and so is a byte order mark', async (t) => {
  const wrap = (...bytes: number[]) =>
    Buffer.concat([Buffer.from('{"logits":[1],"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
  for (const bytes of [
    [0xff],
    [0xc3],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xe2, 0x82],
  ]) {
    t.equal(actual(wrap(...bytes)), 'refused');
    t.equal(actual(Buffer.concat([Buffer.from(bytes), Buffer.from('{}')])), 'refused');
    t.equal(actual(Buffer.concat([Buffer.from('{"logits":[1'), Buffer.from(bytes), Buffer.from(']}')])), 'refused');
    t.equal(actual(Buffer.concat([Buffer.from('{"logits":[1]}'), Buffer.from(bytes)])), 'refused');
  }
  t.same(actual(Buffer.from('\ufeff{}')), actual(Buffer.from('{}')), 'a byte order mark is passed over');
  t.equal(actual(Buffer.from('{}\ufeff')), 'refused');
  t.same(actual(wrap(0xe2, 0x82, 0xac)), actual(Buffer.from('{"logits":[1],"a":"€"}')));
});

t.test(
  'an error names the byte, counts characters outside ASCII and matrices as the bytes they are, and repeats nothing',
  async (t) => {
    const failure = (text: string): { position?: number; message: string } => {
      try {
        parseBodySync(Buffer.from(text), fields);
      } catch (error) {
        return error as Error & { position?: number };
      }
      return { message: 'accepted' };
    };
    t.equal(failure('{"é":1,"logits":[1,2,3],"secret":1 "x"}').position, 36);
    t.equal(failure('{"logits":[1,2,3],"a":[[]],"logits":[12345678] "x"}').position, 47);
    for (const text of ['{"logits":[secret]}', '{"secret":tru}', 'secret', '{"a":"at position 7"secret']) {
      t.notMatch(failure(text).message, /secret|accepted/);
    }
  },
);

/** The code and the place of the Problem that a body is refused with. */
function refusal(
  text: string | Buffer,
  of = fields,
): { code?: string; pointer?: string | undefined; message?: string | undefined } {
  try {
    parseBodySync(Buffer.from(text), of);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { code: error.code, ...error.errors[0] };
  }
  return {};
}

t.test('nesting of a million levels is refused at the first bracket that is too deep', async (t) => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
  t.match(refusal(`{"logits":${deep}}`), {
    code: 'validation',
    pointer: '/logits/0/0/0',
    message: /has more than 16 axes, but at most 3/,
  });
  t.match(refusal(`{"a":${deep}}`), { code: 'validation', pointer: '', message: /nested too deep/ });
  t.match(refusal(`{"logits":${'['.repeat(1_000_000)}`), { code: 'validation', pointer: '/logits/0/0/0' });
});

t.test(
  'bodies parsed in turns give the same result and errors, and bodies parsed side by side do not mix',
  async (t) => {
    const texts = Array.from({ length: 8 }, (_, index) => {
      const rows = Array.from(
        { length: 50 },
        (_, row) => `[${Array.from({ length: 20 }, (_, column) => (index + row) * 1.5 ** column).join(', ')}]`,
      );
      return `{"seed":${index},"logits":[${rows.join(',')}],"cotangent":[${index},null,1e400],"t":"é"}`;
    });
    const options = { sliceBytesMax: 64, turnBytesMax: 256 };
    const results = await Promise.all(texts.map((text) => parseBody(Buffer.from(text), fields, options)));
    for (const [index, text] of texts.entries()) t.equal(canonical(results[index]), canonical(expected(text)));
    await t.rejects(Promise.resolve(parseBody(Buffer.from(texts[0].slice(0, -1)), fields, options)), {
      name: 'MalformedJsonError',
    });
  },
);

t.test('a small body resolves without a promise', async (t) => {
  t.notOk(parseBody(Buffer.from('{"logits":[1]}'), fields) instanceof Promise);
});

t.test(
  'JSON outside the arrays is limited in its bytes and its values, and a long array that holds something else',
  async (t) => {
    const { bytesMax, valuesMax, otherArrayBytesMax } = plainLimits;
    const withText = (length: number) => `{"logits":[${'1,'.repeat(50_000)}1],"a":"${'x'.repeat(length)}"}`;
    t.same(refusal(withText(bytesMax - 100)), {});
    t.match(refusal(withText(bytesMax)), { code: 'body-too-large' });
    t.match(refusal(`{"logits":[],"a"${' '.repeat(bytesMax)}:1}`), { code: 'body-too-large' });
    t.throws(() => refusal(`{"logits":[]}${'x'.repeat(bytesMax)}`), { position: 13 } as object as Error);
    t.match(refusal(`{${'"logits":[],'.repeat(100_000)}"a":1}`), { code: 'body-too-large' });
    t.same(refusal(`{"a":[${'1,'.repeat(valuesMax - 10)}1]}`), {});
    t.match(refusal(`{"a":[${'1,'.repeat(valuesMax)}1]}`), { code: 'body-too-large' });
    t.match(refusal(`{"a":{${'"b":{},'.repeat(valuesMax)}"c":1}}`), { code: 'body-too-large' });
    // Of a short one the schema says everything that is wrong, of a long one only the first thing is known.
    t.same(refusal(`{"logits":[${'1,'.repeat(otherArrayBytesMax / 2 - 10)}"x"]}`), {});
    t.match(refusal(`{"logits":[${'1,'.repeat(otherArrayBytesMax)}"x"]}`), {
      code: 'validation',
      pointer: `/logits/${otherArrayBytesMax}`,
      message: 'must be a number or null',
    });
    t.match(refusal(`{"logits":[[1],[2,{}${',1'.repeat(otherArrayBytesMax)}]]}`), { pointer: '/logits/1/1' });
    t.match(refusal(`{"logits":[[[1]],[[2],[3,true${',1'.repeat(otherArrayBytesMax)}]]]}`), {
      pointer: '/logits/1/1/1',
    });
  },
);

t.test(
  'white space between fields and behind the body costs nothing, and changes neither the value nor where it is malformed',
  async (t) => {
    const space = ' \t\r\n'.repeat(50_000);
    t.equal(differs(`${space}{${space}"logits":[1,${space}2],${space}"a":1,${space}"b":"x"}${space}`), undefined);
    t.equal(differs(`{"a":1,${space}}`), undefined);
    const malformed = `{"a":1,${space}"b":2 "c"}${space}`;
    const failure = { position: malformed.indexOf('"c"') } as object;
    t.throws(() => parseBodySync(Buffer.from(malformed), fields), failure as Error);
    for (const before of ['{"a":1,', '{']) t.equal(differs(`${before}${space}y}`), undefined, before);
  },
);

t.test('misuse is asserted', async (t) => {
  t.throws(() => parseBody(Buffer.from('{}'), fields, { sliceBytesMax: 7 }), /This is a bug\.$/);
  t.throws(() => parseBody(Buffer.from('{}'), fields, { sliceBytesMax: 65_537 }), /This is a bug\.$/);
  t.throws(() => new BodyFields({ x: { holds: 'numbers', axesMax: 1 } }, ['__proto__']), /This is a bug\.$/);
  const ten = new BodyFields({ x: { holds: 'numbers', axesMax: 10 } });
  t.throws(() => parseBodySync(Buffer.from('{"x":[1]}'), ten), /This is a bug\.$/);
});

t.test('arrays three deep are one matrix, whatever the slices', async (t) => {
  const text = '{"cotangent": [ [[1, 2], [null, 4]] , [[5, 6e0], [7, 8]]], "logits": [[[1]], [[1, 2]]]}';
  for (const sliceBytesMax of [8, 13, 64]) {
    const body = parseBodySync(Buffer.from(text), fields, { sliceBytesMax }) as Record<string, NumberMatrix>;
    const { shape, data, nullCount, raggedPath } = body.cotangent;
    t.same({ shape, nullCount, raggedPath }, { shape: [2, 2, 2], nullCount: 1, raggedPath: undefined });
    t.same([...data], [1, 2, Number.NaN, 4, 5, 6, 7, 8]);
    t.same(body.logits?.raggedPath, [1, 0]);
  }
  t.type((parseBodySync(Buffer.from('{"logits": [[[1]], 2]}'), fields) as { logits: unknown }).logits, Array);
});
