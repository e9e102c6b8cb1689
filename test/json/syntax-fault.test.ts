/** Where and why a text is no JSON: what clients send, and the same verdict as JSON.parse over random mutations. */
import fc from 'fast-check';
import t from 'tap';
import { BodyFields } from '../../src/json/body-fields.js';
import { MalformedJsonError } from '../../src/json/malformed-json-error.js';
import { parseBody, parseBodySync } from '../../src/json/parse-body.js';
import { findFaultInArray, findSyntaxFault } from '../../src/json/syntax-fault.js';

const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 2 },
  seed: { holds: 'seeds', axesMax: 7, countMax: 100_000 },
  'inputs[].data': { holds: 'elements', axesMax: 3 },
});

function failure(body: string | Buffer): MalformedJsonError {
  try {
    parseBodySync(Buffer.from(body), fields);
  } catch (error) {
    if (error instanceof MalformedJsonError) return error;
    throw error;
  }
  throw new Error(`This was accepted: ${body}`);
}

const noNumber = /send null for a category that must never be drawn/;

/** [what is wrong, body, byte, what the message says] */
const mistakes: readonly (readonly [string, string, number, ...RegExp[]])[] = [
  ['NaN', '{"logits": [1,NaN]}', 14, /there is NaN where a value/, noNumber],
  ['nan', '{"logits": [nan, 1]}', 12, /there is nan where a value or "\]"/, noNumber],
  ['Infinity', '{"logits": [Infinity]}', 12, /there is Infinity/, noNumber],
  ['-Infinity', '{"logits": [1, -Infinity]}', 15, /there is -Infinity/, noNumber],
  ['-inf', '{"logits": [1, -inf]}', 15, /there is -inf/, noNumber],
  ['+Infinity', '{"logits": [+Infinity]}', 12, /there is \+Infinity/, noNumber],
  ['NaN in a row', '{"logits": [[1,2],[NaN,2]]}', 19, noNumber],
  ['NaN as a temperature', '{"logits": [1], "temperature": NaN}', 31, noNumber],
  ['NaN in a tensor', '{"inputs": [{"data": [1, NaN]}]}', 25, noNumber],
  ['NaN among seeds', '{"seed": [1, NaN]}', 13, noNumber],
  ['a trailing comma in an array', '{"logits": [1,2,]}', 16, /there is "\]"/, /not allow a comma after the last entry/],
  [
    'a trailing comma in an object',
    '{"logits": [1,2],}',
    17,
    /there is "\}"/,
    /not allow a comma after the last field/,
  ],
  ['a comment', '{"logits": [1] // one\n}', 15, /there is "\/"/, /no comments/],
  ['a comment in an array', '{"logits": [1, /* two */ 2]}', 15, /no comments/],
  ['a comment in front', '# a draw\n{"logits": [1]}', 0, /no comments/],
  ['single quotes', "{'logits': [1]}", 1, /there is "'" where a field name in double quotes/],
  ['a bare name', '{logits: [1]}', 1, /there is "l" where a field name in double quotes or "\}"/],
  ['a body that is cut off', '{"logits": [1, 2', 16, /there is the end of the body where "," or "\]"/, /cut off/],
  ['a body cut in a string', '{"noise": "gum', 14, /where the closing quote/, /cut off/],
  ['a body cut in a word', '{"hard": tru', 12, /where true/, /cut off/],
  ['a body cut behind a colon', '{"hard":', 8, /where a value/, /cut off/],
  ['nothing but white space', '  \n', 3, /the end of the body where a value/],
  ['None', '{"logits": [None]}', 12, /there is None/, /spells it null/],
  ['True', '{"logits": [1], "hard": True}', 24, /there is True/, /spells it true/],
  ['undefined', '{"seed": undefined}', 9, /there is undefined/, /spells it null/],
  ['a plus', '{"logits": [+1]}', 12, /there is "\+"/, /no plus sign/],
  ['a leading zero', '{"logits": [01]}', 13, /there is "1" where "," or "\]"/, /no leading zeros/],
  ['a leading point', '{"logits": [.5]}', 12, /there is "\."/, /begin with a digit/],
  ['a point and nothing', '{"logits": [1.]}', 14, /there is "\]" where a digit/],
  ['an exponent and nothing', '{"logits": [1e]}', 14, /where a digit/],
  ['a minus and nothing', '{"logits": [-]}', 13, /where a digit/],
  ['a misspelt word', '{"hard": falsy}', 13, /there is "y" where false/],
  ['two values', '{"logits": [1 2]}', 14, /there is "2" where "," or "\]"/],
  ['a missing colon', '{"logits" [1]}', 10, /there is "\[" where ":"/],
  ['the wrong bracket', '{"logits": [1}', 13, /there is "\}" where "," or "\]"/],
  ['a line break in a string', '{"noise": "gum\nbel"}', 14, /there is the byte 0x0a where an escape/],
  ['an unknown escape', '{"noise": "\\x"}', 12, /there is "x" where one of/],
  ['a short escape', '{"noise": "\\u12"}', 15, /four hexadecimal digits/],
  ['text behind the body', '{"logits": [1]} x', 16, /there is "x" where the end of the body/, /nothing after it/],
  ['two bodies', '{"logits": [1]}\n{"logits": [1]}', 16, /nothing after it/],
  ['bytes beyond ASCII before it', '{"é": 1, "b": é}', 15, /there is "é" where a value/],
  ['no JSON at all', '<html>', 0, /there is "<" where a value/],
];

for (const [title, body, position, ...texts] of mistakes) {
  t.test(`${title}: the byte, what is there and what should be`, async (t) => {
    const error = failure(body);
    t.equal(error.position, position);
    t.match(error.message, `at byte ${position}, counted from 0,`);
    for (const text of texts) t.match(error.message, text);
  });
}

t.test('the same in arrays that are too long for JSON.parse, whatever they hold', async (t) => {
  // 40 KB: more than an array of something else may have.
  const many = '1,'.repeat(20_000);
  const strings = '"1",'.repeat(10_000);
  for (const [before, wrong, offset, text] of [
    [`{"logits": [${many}`, 'NaN]}', 0, noNumber],
    [`{"logits": [${many}`, '-Infinity]}', 0, noNumber],
    [`{"logits": [${many}`, ']}', 0, /not allow a comma after the last entry/],
    [`{"logits": [${many}`, '01]}', 1, /no leading zeros/],
    [`{"logits": [${many}`, '1 2]}', 2, /where "," or "\]"/],
    [`{"logits": [${many}`, '1', 1, /cut off/],
    [`{"logits": [${many}`, 'nul]}', 3, /where null/],
    [`{"seed": [${strings}`, 'NaN]}', 0, noNumber],
    [`{"inputs": [{"data": [${many}`, 'nan]}]}', 0, noNumber],
    [`{"logits": [${many}1]`, "'a': 1}", 0, /where "," or "\}"/],
    [`{"logits": [${many}1]} `, many, 0, /nothing after it/],
    ['', `{'logits': [${many}1]}`, 1, /in double quotes/],
  ] as const) {
    const error = failure(before + wrong);
    t.equal(error.position, before.length + offset, wrong.slice(0, 20));
    t.match(error.message, text);
  }
});

t.test('in turns of the event loop it is the same error', async (t) => {
  const body = Buffer.from(`{"logits": [${'1,'.repeat(200_000)}NaN]}`);
  await t.rejects(Promise.resolve(parseBody(body, fields)), { position: body.indexOf('NaN'), message: noNumber });
});

t.test('a byte order mark is passed over, and counted', async (t) => {
  t.same(parseBodySync(Buffer.from('\ufeff {"a": 1}'), fields), { a: 1 });
  t.equal(failure('\ufeff{"a": x}').position, 9);
  t.equal(failure('\ufeff x').position, 4);
  t.equal(failure(' \ufeff{"a": 1}').position, 1, 'but only in front');
});

t.test('other encodings are named', async (t) => {
  const text = '{"logits": [1]}';
  const utf16 = Buffer.from(text, 'utf16le');
  const bigEndian = Buffer.from(utf16).swap16();
  for (const body of [
    utf16,
    bigEndian,
    Buffer.from(`\ufeff${text}`, 'utf16le'),
    Buffer.concat([Buffer.of(0xfe, 0xff), bigEndian]),
  ]) {
    t.match(failure(body).message, /UTF-16/);
  }
  t.match(failure(Buffer.from([0, 0, 0, 0x7b])).message, /UTF-32/);
  const latin1 = failure(Buffer.from('{"a": "é"}', 'latin1'));
  t.equal(latin1.position, 7);
  t.match(latin1.message, /not UTF-8: at byte 7, counted from 0, there is the byte 0xe9/);
  t.equal(failure(Buffer.concat([Buffer.from('{"a": "é\ufffd'), Buffer.of(0xff), Buffer.from('"}')])).position, 12);
});

t.test('of the body a message repeats one character, or a word that JSON does not have', async (t) => {
  for (const body of [
    '{"logits": [hunter2]}',
    'hunter2',
    '{"hunter2": hunter2}',
    '{"a": "hunter2" hunter2}',
    '{"logits": [1]} hunter2',
  ]) {
    t.notMatch(failure(body).message, 'hunter');
  }
});

t.test('each fault: where, what is expected, and the advice, which is empty where there is none', async (t) => {
  const cutOff = 'The body is cut off there.';
  const quotes = 'JSON encloses names and strings in double quotes.';
  const lastEntry = 'JSON does not allow a comma after the last entry.';
  const lastField = 'JSON does not allow a comma after the last field.';
  const point = 'JSON numbers begin with a digit or a minus sign.';
  const zeros = 'JSON numbers have no leading zeros.';
  const plus = 'JSON numbers have no plus sign in front.';
  const nothingAfter = 'Send one JSON object, and nothing after it.';
  const name = 'a field name in double quotes';
  for (const [text, index, expected, advice] of [
    ['', 0, 'a value', cutOff],
    ['x', 0, 'a value', ''],
    ['[', 1, 'a value or "]"', cutOff],
    ['[x', 1, 'a value or "]"', ''],
    ['[1', 2, '"," or "]"', cutOff],
    ['[1}', 2, '"," or "]"', ''],
    ['[1,', 3, 'a value', cutOff],
    ['[1,]', 3, 'a value', lastEntry],
    ['[1,}', 3, 'a value', ''],
    ['[}', 1, 'a value or "]"', ''],
    ['[,1]', 1, 'a value or "]"', ''],
    ['{', 1, `${name} or "}"`, cutOff],
    ['{]', 1, `${name} or "}"`, ''],
    ['{,', 1, `${name} or "}"`, ''],
    ['{"a"', 4, '":"', cutOff],
    ['{"a"}', 4, '":"', ''],
    ['{"a":', 5, 'a value', cutOff],
    ['{"a":}', 5, 'a value', ''],
    ['{"a":]', 5, 'a value', lastEntry],
    ['{"a":1', 6, '"," or "}"', cutOff],
    ['{"a":1]', 6, '"," or "}"', ''],
    ['{"a":1,', 7, name, cutOff],
    ['{"a":1,}', 7, name, lastField],
    ['{"a":1,]', 7, name, ''],
    ['{"a":1,1', 7, name, ''],
    ["{'a':1}", 1, `${name} or "}"`, quotes],
    ['{`a`:1}', 1, `${name} or "}"`, quotes],
    ["['a']", 1, 'a value or "]"', quotes],
    ['[+1]', 1, 'a value or "]"', plus],
    ['[1,+1]', 3, 'a value', plus],
    ['[1+1]', 2, '"," or "]"', ''],
    ['[.5]', 1, 'a value or "]"', point],
    ['[1,.5]', 3, 'a value', point],
    ['["a".5]', 4, '"," or "]"', ''],
    ['{.5', 1, `${name} or "}"`, ''],
    ['[01]', 2, '"," or "]"', zeros],
    ['[0x1]', 2, '"," or "]"', ''],
    ['[1 1]', 3, '"," or "]"', ''],
    ['[-]', 2, 'a digit', ''],
    ['[-', 2, 'a digit', cutOff],
    ['[1.', 3, 'a digit', cutOff],
    ['[1.x', 3, 'a digit', ''],
    ['[1e', 3, 'a digit', cutOff],
    ['[1e+', 4, 'a digit', cutOff],
    ['[1e-x', 4, 'a digit', ''],
    ['["a', 3, 'the closing quote of a string', cutOff],
    ['["a\n"]', 3, 'an escape such as \\n or \\t', ''],
    ['["\u001f"]', 2, 'an escape such as \\n or \\t', ''],
    ['["\u007f\u009f \t"]', 5, 'an escape such as \\n or \\t', ''],
    ['["\\', 3, 'one of "\\/bfnrtu after a backslash', cutOff],
    ['["\\x"]', 3, 'one of "\\/bfnrtu after a backslash', ''],
    ['["\\u12"]', 6, 'four hexadecimal digits after \\u', ''],
    ['["\\u12', 6, 'four hexadecimal digits after \\u', cutOff],
    ['[tru]', 4, 'true', ''],
    ['[tru', 4, 'true', cutOff],
    ['[fals', 5, 'false', cutOff],
    ['[nul', 4, 'null', cutOff],
    ['{} x', 3, 'the end of the body', nothingAfter],
    ['{}]', 2, 'the end of the body', nothingAfter],
    ['1 /', 2, 'the end of the body', 'JSON has no comments.'],
    ['#', 0, 'a value', 'JSON has no comments.'],
    ['[None]', 1, 'a value or "]"', 'JSON spells it null.'],
    ['[NULL]', 1, 'a value or "]"', 'JSON spells it null.'],
    ['[undefined]', 1, 'a value or "]"', 'JSON spells it null.'],
    ['[1,TRUE]', 3, 'a value', 'JSON spells it true.'],
    ['[1,False]', 3, 'a value', 'JSON spells it false.'],
  ] as const) {
    const { word, ...fault } = findSyntaxFault(text) ?? {};
    t.same(fault, { index, expected, advice, afterEnd: expected === 'the end of the body' }, text);
    t.equal(word, /[A-Za-z]+/.exec(/spells it/.test(advice) ? text : '')?.[0], text);
  }
});

t.test('a piece of an array, cut anywhere, behind a bracket, a comma or an element', async (t) => {
  const one = { index: 0, word: undefined, advice: '', afterEnd: false };
  t.same(findFaultInArray('x', '[', false), { ...one, expected: 'a value or "]"' });
  t.same(findFaultInArray('x', ',', false), { ...one, expected: 'a value' });
  t.same(findFaultInArray('x', '1', false), { ...one, expected: '"," or "]"' });
  t.match(findFaultInArray('}', '[', false), { index: 0 });
  t.equal(findFaultInArray(']]]x', ']', false), undefined, 'what follows the array is not read');
  for (const piece of [
    '',
    ' ',
    '1',
    '-',
    '1.',
    '1e',
    '1e+',
    '"',
    '"\\',
    '"\\u1',
    'tru',
    '[',
    '{',
    '{"a"',
    '{"a":',
    '1,',
  ]) {
    t.equal(findFaultInArray(piece, ',', false), undefined, `${piece} may go on`);
    const whole = findFaultInArray(piece, ',', true);
    t.match(whole, { index: piece.length, advice: 'The body is cut off there.' }, `${piece} is cut off`);
  }
  for (const piece of ['-x', '1.x', '1e+x', '"\\x', '"\\u1x', 'trx', '[}', '{"a"x', '1,]']) {
    t.match(findFaultInArray(piece, ',', false), { index: piece.length - 1 }, piece);
  }
});

t.test('its verdict is that of JSON.parse', async (t) => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '/',
    '\\u',
    '12',
    '-',
    '.',
    'e',
    '+',
    '0',
    'NaN',
    'null',
    'tru',
    ' ',
    '\n',
    '\u0001',
    'é',
    "'",
  ];
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(...pieces), fc.boolean()), { maxLength: 3 }),
      (value, mutations) => {
        let text = JSON.stringify(value);
        for (const [at, piece, cut] of mutations) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + piece + (cut ? text.slice(place + 1) : text.slice(place));
        }
        let legal = true;
        try {
          JSON.parse(text);
        } catch {
          legal = false;
        }
        const fault = findSyntaxFault(text);
        t.equal(fault === undefined, legal, text);
        // What lies before the fault can be completed, so it is not itself the end of something wrong.
        if (fault) t.ok(fault.index >= 0 && fault.index <= text.length);
      },
    ),
    { numRuns: 3000 },
  );
});
