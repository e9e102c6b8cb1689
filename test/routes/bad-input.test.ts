/** Every bad input of POST /sample: its status and code, and nothing else happens. */
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService({
  JSON_BODY_BYTES_MAX: String(2 ** 20),
  ROWS_MAX: '100',
  CATEGORIES_MAX: '2000',
  SAMPLES_MAX: '1000',
  ELEMENTS_DRAWN_MAX: '10000',
  ELEMENTS_RETURNED_MAX: '5000',
});
t.teardown(service.close);

const ones = (count: number) => Array.from({ length: count }, () => 1);

/** [what is wrong, body, status, code, pointer of the first error or undefined when the body could not be read] */
const cases: readonly (readonly [string, unknown, number, string, string | undefined])[] = [
  ['an empty body', '', 400, 'malformed-json', undefined],
  ['a body that is no JSON', '{"logits": [1, 2', 400, 'malformed-json', undefined],
  ['text after the body', '{"logits": [1]} x', 400, 'malformed-json', undefined],
  ['NaN', '{"logits": [NaN]}', 400, 'malformed-json', undefined],
  ['Infinity', '{"logits": [Infinity]}', 400, 'malformed-json', undefined],
  ['-Infinity', '{"logits": [1, -Infinity]}', 400, 'malformed-json', undefined],
  ['a leading zero', '{"logits": [01]}', 400, 'malformed-json', undefined],
  ['a leading plus', '{"logits": [+1]}', 400, 'malformed-json', undefined],
  ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'malformed-json', undefined],
  ['a prototype in disguise', '{"logits": [1], "__proto__": {"hard": true}}', 400, 'malformed-json', undefined],
  ['an array', [1, 2], 422, 'validation', ''],
  ['a number', '1', 422, 'validation', ''],
  ['null', 'null', 422, 'validation', ''],
  ['no logits', {}, 422, 'validation', '/logits'],
  ['logits that are a string', { logits: '1,2' }, 422, 'validation', '/logits'],
  ['logits that are null', { logits: null }, 422, 'validation', '/logits'],
  ['a string in a row', { logits: [1, 'x'] }, 422, 'validation', '/logits/1'],
  ['a spelled NaN', { logits: ['NaN'] }, 422, 'validation', '/logits/0'],
  ['a string in a matrix', { logits: [[1], ['2']] }, 422, 'validation', '/logits/1/0'],
  ['a boolean', { logits: [true] }, 422, 'validation', '/logits/0'],
  ['a row among numbers', { logits: [1, [2]] }, 422, 'validation', '/logits/1'],
  ['a number among rows', { logits: [[1], 2] }, 422, 'validation', '/logits/1'],
  ['rank 9', { logits: [[[[[[[[[1]]]]]]]]] }, 422, 'validation', '/logits/0/0/0/0/0/0/0/0'],
  ['no row', { logits: [] }, 422, 'empty-input', '/logits'],
  ['rows without a category', { logits: [[], []] }, 422, 'empty-input', '/logits'],
  ['ragged rows', { logits: [[1, 2], [1, 2], [1]] }, 422, 'ragged-rows', '/logits/2'],
  ['a first row that is empty', { logits: [[], [1]] }, 422, 'ragged-rows', '/logits/1'],
  ['1e400', '{"logits": [0, 1e400]}', 422, 'non-finite-logits', '/logits/1'],
  ['-1e400', '{"logits": [-1e400, 0]}', 422, 'non-finite-logits', '/logits/0'],
  [
    '1e39, which float32 cannot hold',
    {
      logits: [
        [0, 0],
        [0, 1e39],
      ],
    },
    422,
    'non-finite-logits',
    '/logits/1/1',
  ],
  ['-1e39', { logits: [-1e39, 0] }, 422, 'non-finite-logits', '/logits/0'],
  [
    'a row that is fully masked',
    {
      logits: [
        [1, 2],
        [null, null],
      ],
    },
    422,
    'all-masked-row',
    '/logits/1',
  ],
  ['a single row that is fully masked', { logits: [null] }, 422, 'all-masked-row', '/logits'],
  ['an unknown field', { logits: [1], temprature: 1 }, 422, 'validation', '/temprature'],
  ['temperature 0', { logits: [1], temperature: 0 }, 422, 'temperature-out-of-range', '/temperature'],
  ['a negative temperature', { logits: [1], temperature: -1 }, 422, 'temperature-out-of-range', '/temperature'],
  ['temperature 5e-324', { logits: [1], temperature: 5e-324 }, 422, 'temperature-out-of-range', '/temperature'],
  ['temperature 1e39', { logits: [1], temperature: 1e39 }, 422, 'temperature-out-of-range', '/temperature'],
  ['temperature 1e400', '{"logits": [1], "temperature": 1e400}', 422, 'temperature-out-of-range', '/temperature'],
  ['temperature 9e-7', { logits: [1], temperature: 9e-7 }, 422, 'temperature-out-of-range', '/temperature'],
  [
    'one bad temperature of two',
    { logits: [[1], [1]], temperature: [1, 0] },
    422,
    'temperature-out-of-range',
    '/temperature/1',
  ],
  ['a temperature as text', { logits: [1], temperature: '1' }, 422, 'validation', '/temperature'],
  ['temperature null', { logits: [1], temperature: null }, 422, 'validation', '/temperature'],
  ['too few temperatures', { logits: [[1], [1]], temperature: [1] }, 422, 'validation', '/temperature'],
  ['too many temperatures', { logits: [1], temperature: [1, 1] }, 422, 'validation', '/temperature'],
  [
    'a temperature that is an object which will not become a number',
    { logits: [[1], [1]], temperature: [1, { toString: 1, valueOf: 1 }] },
    422,
    'validation',
    '/temperature/1',
  ],
  ['no temperature in an array', { logits: [1], temperature: [] }, 422, 'validation', '/temperature'],
  ['hard as a number', { logits: [1], hard: 1 }, 422, 'validation', '/hard'],
  ['hard as text among flags', { logits: [[1], [1]], hard: [true, 'true'] }, 422, 'validation', '/hard/1'],
  ['too few flags', { logits: [[1], [1]], hard: [true] }, 422, 'validation', '/hard'],
  ['hard as text', { logits: [1], hard: 'true' }, 422, 'validation', '/hard'],
  ['seed -1', { logits: [1], seed: -1 }, 422, 'invalid-seed', '/seed'],
  ['seed 1.5', { logits: [1], seed: 1.5 }, 422, 'invalid-seed', '/seed'],
  ['seed 2^53 as a number', { logits: [1], seed: 2 ** 53 }, 422, 'invalid-seed', '/seed'],
  ['seed 2^53 + 1, which JSON rounds', '{"logits": [1], "seed": 9007199254740993}', 422, 'invalid-seed', '/seed'],
  ['seed 2^64 as a string', { logits: [1], seed: '18446744073709551616' }, 422, 'invalid-seed', '/seed'],
  ['a seed with a leading zero', { logits: [1], seed: '01' }, 422, 'invalid-seed', '/seed'],
  ['a seed with a sign', { logits: [1], seed: '-1' }, 422, 'invalid-seed', '/seed'],
  ['a seed in hex', { logits: [1], seed: '0x1' }, 422, 'invalid-seed', '/seed'],
  ['an empty seed', { logits: [1], seed: '' }, 422, 'invalid-seed', '/seed'],
  ['a seed of 50,000 digits', { logits: [1], seed: '1'.repeat(50_000) }, 422, 'invalid-seed', '/seed'],
  ['a seed of 10^5 digits', { logits: [1], seed: '1'.repeat(1e5) }, 413, 'body-too-large', '/seed'],
  ['a seed that is true', { logits: [1], seed: true }, 422, 'validation', '/seed'],
  ['too few seeds', { logits: [[1], [1], [1]], seed: [1, 2] }, 422, 'validation', '/seed'],
  ['one bad seed of two', { logits: [[1], [1]], seed: [1, -1] }, 422, 'invalid-seed', '/seed/1'],
  ['num_samples 0', { logits: [1], num_samples: 0 }, 422, 'validation', '/num_samples'],
  ['num_samples 1.5', { logits: [1], num_samples: 1.5 }, 422, 'validation', '/num_samples'],
  ['num_samples as text', { logits: [1], num_samples: '2' }, 422, 'validation', '/num_samples'],
  ['num_samples above its limit', { logits: [1], num_samples: 1001 }, 413, 'too-many-elements', '/num_samples'],
  ['row_offset -1', { logits: [1], row_offset: -1 }, 422, 'validation', '/row_offset'],
  ['row_offset 2^32', { logits: [1], row_offset: 2 ** 32 }, 422, 'validation', '/row_offset'],
  ['row_offset that runs past 2^32', { logits: [[1], [1]], row_offset: 2 ** 32 - 1 }, 422, 'validation', '/row_offset'],
  [
    'row_offset with a seed per row',
    { logits: [[1], [1]], seed: [1, 2], row_offset: 1 },
    422,
    'validation',
    '/row_offset',
  ],
  ['sample_offset 0.5', { logits: [1], sample_offset: 0.5 }, 422, 'validation', '/sample_offset'],
  [
    'sample_offset that runs past 2^32',
    { logits: [1], num_samples: 2, sample_offset: 2 ** 32 - 1 },
    422,
    'validation',
    '/sample_offset',
  ],
  ['noise "gauss"', { logits: [1], noise: 'gauss' }, 422, 'validation', '/noise'],
  ['return of nothing', { logits: [1], return: [] }, 422, 'validation', '/return'],
  ['return of something unknown', { logits: [1], return: ['gradient'] }, 422, 'validation', '/return/0'],
  ['return that names one twice', { logits: [1], return: ['noise', 'noise'] }, 422, 'validation', '/return'],
  ['return as a string', { logits: [1], return: 'samples' }, 422, 'validation', '/return'],
  ['too many rows', { logits: Array.from({ length: 101 }, () => [1]) }, 413, 'too-many-elements', '/logits'],
  ['too many categories', { logits: ones(2001) }, 413, 'too-many-elements', '/logits'],
  [
    'too many elements drawn',
    { logits: ones(1001), num_samples: 30, return: ['indices'] },
    413,
    'too-many-elements',
    '',
  ],
  ['too many elements returned', { logits: ones(501), num_samples: 10 }, 413, 'too-many-elements', ''],
  ['a body over the limit', { logits: [1], seed: '1'.repeat(2 ** 20) }, 413, 'body-too-large', undefined],
];

for (const [title, body, status, code, pointer] of cases) {
  t.test(`${title} gets ${status} ${code}`, async (t) => {
    const { status: actual, reply, text } = await service.sample(body);
    t.equal(actual, status);
    t.equal(reply.type, `/problems/${code}`);
    t.equal(reply.code, code);
    t.equal(reply.status, status);
    t.equal(reply.errors[0]?.pointer, pointer);
    t.equal(reply.instance, `/problems/${code}#${reply.request_id}`);
    t.ok(Buffer.byteLength(text) < 4096, 'the reply is below 4 KiB');
  });
}

t.test('the code is that of the first wrong field in the order of the field table', async (t) => {
  const { reply } = await service.sample({ unknown: 1, seed: -1, temperature: 0, logits: [1] });
  t.equal(reply.type, '/problems/temperature-out-of-range');
  t.same(
    reply.errors.map(({ pointer }) => pointer),
    ['/temperature', '/seed', '/unknown'],
  );
});

t.test(
  '10^5 bad numbers in one body get ten errors, or that of the first value that is none, and a reply below 4 KiB',
  async (t) => {
    for (const [bad, code, errors] of [
      ['"x"', 'validation', 1],
      ['1e39', 'non-finite-logits', 10],
    ] as const) {
      const large = await startService();
      t.teardown(large.close);
      const { status, reply, text } = await large.sample(`{"logits": [${Array(1e5).fill(bad).join(',')}]}`);
      t.equal(status, 422);
      t.equal(reply.type, `/problems/${code}`);
      t.equal(reply.errors.length, errors);
      t.ok(Buffer.byteLength(text) < 4096);
    }
  },
);

t.test('a field with a million wrong entries gets one short answer', async (t) => {
  const large = await startService();
  t.teardown(large.close);
  const many = Array.from({ length: 100_000 }, () => 0);
  for (const [field, value, wanted] of [
    ['return', many, 413],
    ['temperature', many, 422],
    ['seed', many, 422],
  ] as const) {
    const { status, reply } = await large.sample({ logits: [1], [field]: value });
    t.equal(status, wanted);
    t.same(
      reply.errors.map(({ pointer }) => pointer),
      [`/${field}`],
    );
  }
  const fields = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`f${at}`, 0]));
  const { status, reply } = await large.sample({ logits: [1], ...fields });
  t.equal(status, 413);
  t.equal(reply.type, '/problems/body-too-large');
});

t.test('no reply repeats values that the client sent', async (t) => {
  const secret = 'hunter2';
  for (const body of [
    `{"logits": [${secret}`,
    { logits: [secret] },
    { logits: [1], seed: secret },
    { logits: [1], noise: secret },
  ]) {
    const { text } = await service.sample(body);
    t.notMatch(text, secret);
  }
});

t.test('media types: only JSON in UTF-8 without encoding', async (t) => {
  const send = (headers: Record<string, string>) =>
    service.app.inject({ method: 'POST', url: '/sample', headers, payload: '{"logits":[1]}' });
  for (const headers of [
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/jsonx' },
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  ]) {
    const response = await send(headers);
    t.equal(response.statusCode, 415, JSON.stringify(headers));
    t.equal(response.json().type, '/problems/unsupported-media-type');
    t.match(response.headers['content-type'], 'application/problem+json');
  }
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
    t.equal((await send({ 'content-type': type })).statusCode, 200, type);
  }
});

t.test('a bad request in the middle of good ones disturbs none of them', async (t) => {
  const good = { logits: [[1, 2, 3]], seed: 5 };
  const alone = await service.sample(good);
  const mixed = await Promise.all([
    service.sample(good),
    service.sample({ logits: [[1, 2, 'x']] }),
    service.sample(good),
    service.sample({ logits: [[1, 2, 1e39]] }),
    service.sample(good),
  ]);
  t.same(
    mixed.map(({ status }) => status),
    [200, 422, 200, 422, 200],
  );
  for (const at of [0, 2, 4]) t.equal(mixed[at]?.text, alone.text);
});
