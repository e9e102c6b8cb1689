/** Media types by the grammar of RFC 9110, on every route that takes a body. */
import t from 'tap';
import { parseMediaType } from '../../src/http/body-form.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const tensor = { name: 'logits', shape: [1, 1], datatype: 'FP32', data: [1] };
const routes = [
  ['/sample', { logits: [1] }],
  ['/sample/vjp', { logits: [1], seed: 1, cotangent: [1] }],
  ['/log-prob', { logits: [1, 1], samples: [0.5, 0.5] }],
  ['/v2/models/gumbel_softmax/infer', { inputs: [tensor] }],
] as const;

const taken = [
  'application/json',
  'application/json;',
  'application/json ;',
  'application/json; ',
  'application/json;;',
  'application/json; charset=utf-8',
  'application/json; charset=utf-8;',
  'application/json;charset=UTF-8 ; ',
  'APPLICATION/Json; Charset="utf-8"',
  'application/json; charset="ut\\f-8"',
  'application/json; charset=utf8',
  'application/json; charset = utf-8',
  'application/json\t;\tcharset=utf-8',
  'application/json; profile="a;b=\\"c\\""; charset=utf-8',
  'application/json; version=1',
];

const refused: readonly (readonly [string, RegExp])[] = [
  ['application/json; charset=latin1', /charset of Content-Type is not UTF-8/],
  ['application/json; charset="utf-16"', /charset of Content-Type is not UTF-8/],
  ['application/json; charset=', /is no media type/],
  ['application/json; charset="utf-8', /is no media type/],
  ['application/json charset=utf-8', /is no media type/],
  ['application/json, application/json', /is no media type/],
  ['json', /is no media type/],
  ['application/', /is no media type/],
  ['text/plain', /is another media type/],
  ['application/jsonx', /is another media type/],
  ['application/x-www-form-urlencoded', /is another media type/],
  ['multipart/form-data; boundary=x', /is another media type/],
];

for (const [url, body] of routes) {
  const send = async (headers: Record<string, string>) => {
    const response = await service.app.inject({ method: 'POST', url, headers, payload: JSON.stringify(body) });
    return { status: response.statusCode, reply: response.json() };
  };

  t.test(`POST ${url} takes what the grammar allows`, async (t) => {
    for (const type of taken) t.equal((await send({ 'content-type': type })).status, 200, type);
  });

  t.test(`POST ${url} refuses all else, and says why`, async (t) => {
    for (const [type, text] of refused) {
      const { status, reply } = await send({ 'content-type': type });
      t.equal(status, 415, type);
      t.equal(reply.code, 'unsupported-media-type');
      t.match(reply.detail ?? reply.error, text, type);
    }
  });

  t.test(`POST ${url} takes Content-Encoding: identity and no other`, async (t) => {
    const type = { 'content-type': 'application/json' };
    for (const coding of ['identity', 'Identity', ' identity ', 'identity, identity', '']) {
      t.equal((await send({ ...type, 'content-encoding': coding })).status, 200, coding);
    }
    for (const coding of ['gzip', 'identity, gzip', 'br', 'x']) {
      const { status, reply } = await send({ ...type, 'content-encoding': coding });
      t.equal(status, 415, coding);
      t.match(reply.detail ?? reply.error, /Send it uncompressed/);
    }
  });
}

t.test('a media type of any form is read in time that grows with its length', async (t) => {
  // Backtracking over blanks or quotes would take longer than the test may.
  for (const text of [`a/b${';  \t'.repeat(2000)}x`, `a/b; c="${'\\"'.repeat(4000)}`, `a/b${' '.repeat(8000)}x`]) {
    t.equal(parseMediaType(text), undefined);
  }
  t.same(parseMediaType(`a/b${'; c=d '.repeat(1500)}`), { type: 'a/b', charset: undefined });
});
