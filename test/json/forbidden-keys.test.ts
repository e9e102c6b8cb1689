/** Keys that could reach a prototype: found wherever they stand, and nothing else is taken for one. */
import t from 'tap';
import { holdsForbiddenKey, mayHoldForbiddenKey } from '../../src/json/forbidden-keys.js';

const forbidden = [
  '{"__proto__":{}}',
  '{"__proto__":1}',
  '{"a":[1,{"b":{"__proto__":null}}]}',
  '[[[{"__proto__":0}]]]',
  '{"constructor":{"prototype":{}}}',
  '{"constructor":{"prototype":1}}',
  '{"a":[{"constructor":{"prototype":null,"x":1}}]}',
  '{"\\u005f_proto__":1}',
  '{"constr\\u0075ctor":{"prototype":1}}',
];

const harmless = [
  '{}',
  '[]',
  'null',
  '1',
  '"__proto__"',
  '{"a":"__proto__"}',
  '{"constructor":1}',
  '{"constructor":null}',
  '{"constructor":"prototype"}',
  '{"constructor":{"a":{"prototype":1}}}',
  '{"prototype":{"a":1}}',
  '{"a":{"prototype":{}}}',
  '{"constructor":["prototype"]}',
];

t.test('keys that reach a prototype are found', async (t) => {
  for (const text of forbidden) {
    t.equal(mayHoldForbiddenKey(text), true, text);
    t.equal(holdsForbiddenKey(JSON.parse(text)), true, text);
  }
});

t.test('nothing else is', async (t) => {
  for (const text of harmless) t.equal(holdsForbiddenKey(JSON.parse(text)), false, text);
});

t.test('text without such words or escapes need not be searched', async (t) => {
  for (const text of ['{}', '{"logits":[1,2]}', '{"proto":1}', '"\\n"'])
    t.equal(mayHoldForbiddenKey(text), false, text);
});

t.test('depth does not matter', async (t) => {
  let value: unknown = JSON.parse('{"__proto__":1}');
  for (let depth = 0; depth < 100_000; depth++) value = [value];
  t.equal(holdsForbiddenKey(value), true);
});
