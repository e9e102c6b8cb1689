/** Draws of given indices over HTTP: what comes back, that its bits depend on nothing else, and what is refused. */
import t from 'tap';
import { decode, encode, type Tensor } from '../support/inference.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const inferUrl = '/v2/models/gumbel_softmax/infer';
const returned = ['samples', 'indices', 'noise', 'log_samples'];
const row = [1, 0.5, null, -1, 3];

t.test('a row and rows take their shape of indices, and every sample of a row has its index', async (t) => {
  const one = await service.sample({ logits: row, given_indices: 3, seed: 42, return: returned });
  t.equal(one.status, 200);
  t.equal(one.reply.indices, 3);
  t.same(
    (await service.sample({ logits: row, given_indices: 3, seed: 42, hard: true })).reply.samples,
    [0, 0, 0, 1, 0],
  );
  const { reply } = await service.sample({
    logits: [row, row],
    given_indices: [3, 0],
    seed: 42,
    num_samples: 3,
    return: returned,
  });
  t.same(reply.indices, [
    [3, 0],
    [3, 0],
    [3, 0],
  ]);
  const [samples, logSamples] = [reply.samples, reply.log_samples] as unknown as (number | null)[][][][];
  t.same(samples[0][0], one.reply.samples, 'row 0 of sample 0 is the row alone');
  t.equal(samples[2][1][2], 0, 'masked');
  t.equal(logSamples[2][1][2], null, 'masked');
  for (const [s, rows] of samples.entries()) {
    for (const [b, own] of rows.entries())
      t.equal(own.indexOf(Math.max(...(own as number[]))), [3, 0][b], `${s}, ${b}`);
  }
});

t.test("the noise is z - l' of the noise of the same seed, by the formula", async (t) => {
  const draw = { logits: row, seed: 42, return: ['noise', 'log_samples'] };
  const plain = (await service.sample(draw)).reply.noise as number[];
  const { reply } = await service.sample({ ...draw, given_indices: 1, temperature: 0.5 });
  const shifted = row.map((logit) => (logit === null ? -Infinity : logit - 3));
  const logSum = Math.log(shifted.reduce((sum, l) => sum + Math.exp(l), 0));
  const top = logSum + plain[1];
  const z = shifted.map((l, k) => (k === 1 ? top : -Math.log(Math.exp(-top) + Math.exp(-(l + plain[k])))));
  // Noise and logits are float32, so is the reply: 2^-24 of numbers below 4, and as much of the printed noise.
  const noise = reply.noise as number[];
  for (const [k, own] of noise.entries()) {
    const expected = shifted[k] === -Infinity ? plain[k] : z[k] - shifted[k];
    t.ok(Math.abs(own - expected) < 1e-6, `category ${k}: ${own} for ${expected}`);
  }
  const most = Math.max(...z);
  const total = Math.log(z.reduce((sum, value) => sum + Math.exp((value - most) / 0.5), 0));
  const logSamples = reply.log_samples as (number | null)[];
  for (const [k, own] of logSamples.entries()) {
    if (shifted[k] === -Infinity) t.equal(own, null);
    // z is rounded to float32, which the temperature doubles.
    else t.ok(Math.abs((own ?? 0) - ((z[k] - most) / 0.5 - total)) < 3e-6, `log-sample ${k}`);
  }
});

t.test(
  'the index of the draw itself, given, has the same law but other noise; the seed is needed as ever',
  async (t) => {
    const { reply } = await service.sample({ logits: row, given_indices: 0 });
    t.match(reply.seed, /^\d+$/, 'a random seed that comes back');
    const again = await service.sample({ logits: row, given_indices: 0, seed: reply.seed });
    t.same(again.reply.samples, reply.samples);
  },
);

t.test(
  'rows by offset, samples by offset, inline and on a worker, alone and among others: the same bits',
  async (t) => {
    // Large enough that a worker draws the whole, and a row is drawn inline.
    const rows = Array.from({ length: 40 }, (_, b) => Array.from({ length: 100 }, (_, k) => Math.sin(b + 3 * k)));
    const given = rows.map((_, b) => (7 * b) % 100);
    const draw = { logits: rows, given_indices: given, seed: 7, temperature: 0.3, num_samples: 20, return: returned };
    const [{ status, reply }, ...others] = await Promise.all([
      service.sample(draw),
      ...[0, 13, 39].map((b) =>
        service.sample({ ...draw, logits: rows[b], given_indices: given[b], row_offset: b, num_samples: undefined }),
      ),
      ...[5, 19].map((s) => service.sample({ ...draw, num_samples: 1, sample_offset: s })),
    ]);
    t.equal(status, 200);
    for (const name of returned as ('samples' | 'indices' | 'noise' | 'log_samples')[]) {
      const whole = reply[name] as unknown[][];
      for (const [at, b] of [0, 13, 39].entries()) t.same(others[at].reply[name], whole[0][b], `${name}, row ${b}`);
      for (const [at, s] of [5, 19].entries()) {
        t.same((others[3 + at].reply[name] as unknown[])[0], whole[s], `${name}, sample ${s}`);
      }
    }
  },
);

const tensor = (
  name: string,
  datatype: Tensor['datatype'],
  shape: number[],
  values: Tensor['values'],
  binary: boolean,
) => ({ name, datatype, shape, values, binary }) satisfies Tensor;

t.test('as a tensor, INT64 or INT32, JSON or bytes: the bits of POST /sample', async (t) => {
  const values = [1, 0.5, -Infinity, -1, 3, 0, 0, 1, 2, 3];
  const expected = (
    await service.sample({
      logits: [values.slice(0, 5).map((l) => (l === -Infinity ? null : l)), values.slice(5)],
      given_indices: [3, 0],
      seed: 42,
      return: returned,
    })
  ).reply;
  for (const datatype of ['INT64', 'INT32'] as const) {
    for (const binary of [false, true]) {
      const { payload, headers } = encode({
        parameters: { seed: 42 },
        inputs: [
          tensor('given_indices', datatype, [2], [3, 0], binary),
          tensor('logits', 'FP32', [2, 5], values, binary),
        ],
        outputs: returned.map((name) => ({ name, parameters: { binary_data: binary } })),
      });
      const response = await service.app.inject({ method: 'POST', url: inferUrl, payload, headers });
      t.equal(response.statusCode, 200, response.body.slice(0, 300));
      const length = response.headers['inference-header-content-length'];
      const { outputs } = decode(response.rawPayload, length === undefined ? undefined : Number(length));
      for (const name of returned as ('samples' | 'indices' | 'noise' | 'log_samples')[]) {
        const numbers = (expected[name] as unknown[]).flat().map((value) => (value === null ? -Infinity : value));
        t.same(Array.from(outputs[name].numbers), Array.from(Float32Array.from(numbers as number[])), name);
      }
    }
  }
});

t.test('soft and hard rows in one inference have their given indices', async (t) => {
  const { payload, headers } = encode({
    parameters: { seed: 1 },
    inputs: [
      tensor('logits', 'FP32', [2, 3], [0, 1, 2, 0, 1, 2], true),
      tensor('hard', 'BOOL', [2], [0, 1], true),
      tensor('given_indices', 'INT64', [2], [0, 0], true),
    ],
    outputs: [{ name: 'samples' }],
  });
  const response = await service.app.inject({ method: 'POST', url: inferUrl, payload, headers });
  const samples = decode(response.rawPayload).outputs.samples.numbers;
  t.same(Array.from(samples.subarray(3)), [1, 0, 0]);
  t.equal(samples.indexOf(Math.max(...samples.subarray(0, 3))), 0);
  t.ok(samples[0] < 1);
});

t.test('extremes: dominating logits, one category left, 2^17 categories', async (t) => {
  for (const [logits, given] of [
    [[1e9, 0, -1e9], 2],
    [[3.4e38, -3.4e38, 0], 1],
    [[null, 3, null], 1],
    [[7], 0],
    [Array.from({ length: 2 ** 17 }, (_, k) => (k === 5 ? 1e9 : 0)), 2 ** 17 - 1],
  ] as const) {
    for (const temperature of [1e-6, 1, 1e6]) {
      const { status, reply } = await service.sample({
        logits,
        given_indices: given,
        temperature,
        seed: 3,
        return: returned,
      });
      t.equal(status, 200);
      t.equal(reply.indices, given);
      const [samples, noise] = [reply.samples as number[], reply.noise as number[]];
      t.ok(samples.every((value) => value >= 0 && value <= samples[given]));
      t.ok(noise.every(Number.isFinite));
      const logSamples = reply.log_samples as (number | null)[];
      t.ok(logSamples.every((value, k) => (value === null) === (logits[k] === null)));
    }
  }
});

const base = { logits: [row, row], given_indices: [3, 0], seed: 1 };
for (const [title, body, pointer] of [
  ['one index for rows', { ...base, given_indices: 3 }, '/given_indices'],
  ['an array for one row', { ...base, logits: row }, '/given_indices'],
  ['too few', { ...base, given_indices: [3] }, '/given_indices'],
  ['none', { ...base, given_indices: [] }, '/given_indices'],
  ['another rank', { ...base, given_indices: [[3, 0]] }, '/given_indices'],
  ['null', { ...base, given_indices: null }, '/given_indices'],
  ['text', { ...base, given_indices: '30' }, '/given_indices'],
  ['an object', { ...base, given_indices: {} }, '/given_indices'],
  ['null for a row', { ...base, given_indices: [3, null] }, '/given_indices/1'],
  ['text for a row', { ...base, given_indices: ['3', 0] }, '/given_indices/0'],
  ['a fraction', { ...base, given_indices: [3, 0.5] }, '/given_indices/1'],
  [
    'a fraction that rounds to an integer in float32',
    { ...base, given_indices: [3, 0.9999999999] },
    '/given_indices/1',
  ],
  ['a negative index', { ...base, given_indices: [-1, 0] }, '/given_indices/0'],
  ['an index out of range', { ...base, given_indices: [3, 5] }, '/given_indices/1'],
  ['an index far out of range', { ...base, given_indices: [3, 1e300] }, '/given_indices/1'],
  ['a masked category', { ...base, given_indices: [3, 2] }, '/given_indices/1'],
  ['a masked category of one row', { ...base, logits: row, given_indices: 2 }, '/given_indices'],
  ['true for one row', { ...base, logits: row, given_indices: true }, '/given_indices'],
  ['no noise', { ...base, noise: 'none' }, '/noise'],
  ['top_k', { ...base, top_k: 2 }, '/top_k'],
  ['log_prob', { ...base, return: ['samples', 'log_prob'] }, '/return'],
] as const) {
  t.test(`${title} gets 422 validation`, async (t) => {
    const { status, reply } = await service.sample(body);
    t.equal(status, 422);
    t.equal(reply.type, '/problems/validation');
    t.equal(reply.errors[0]?.pointer, pointer);
  });
}

t.test('the other routes say where the field belongs', async (t) => {
  const { reply } = await service.post('/sample/vjp', { logits: [0, 1], seed: 1, cotangent: [1, 0], given_indices: 1 });
  t.match(reply.errors[0], { pointer: '/given_indices', message: /it is a field of POST \/sample$/ });
});

const logits = { name: 'logits', shape: [2, 3], datatype: 'FP32', data: [0, 1, null, 0, 1, 2] };
const given = { name: 'given_indices', shape: [2], datatype: 'INT64', data: [0, 1] };
for (const [title, body, pointer] of [
  ['a float tensor', { inputs: [logits, { ...given, datatype: 'FP32' }] }, '/inputs/1/datatype'],
  ['one index for two rows', { inputs: [logits, { ...given, shape: [1], data: [0] }] }, '/inputs/1/shape'],
  ['another rank', { inputs: [logits, { ...given, shape: [2, 1] }] }, '/inputs/1/shape'],
  ['a masked category', { inputs: [logits, { ...given, data: [2, 0] }] }, '/inputs/1'],
  ['an index out of range', { inputs: [logits, { ...given, data: [0, 3] }] }, '/inputs/1'],
  ['a fraction', { inputs: [logits, { ...given, data: [0.5, 1] }] }, '/inputs/1'],
  ['flags', { inputs: [logits, { ...given, data: [true, false] }] }, '/inputs/1'],
  ['no noise', { inputs: [logits, given], parameters: { noise: 'none' } }, '/parameters/noise'],
  ['top_k', { inputs: [logits, given], parameters: { top_k: 1 } }, '/parameters/top_k'],
  ['log_prob', { inputs: [logits, given], outputs: [{ name: 'samples' }, { name: 'log_prob' }] }, '/outputs/1/name'],
] as const) {
  t.test(`an inference with ${title} gets 422 validation`, async (t) => {
    const { status, reply } = await service.post(inferUrl, body);
    t.equal(status, 422);
    t.match(reply, { code: 'validation', errors: [{ pointer }] });
  });
}

t.test('binary indices out of range are refused by row', async (t) => {
  for (const [datatype, value] of [
    ['INT64', 2n ** 40n],
    ['INT64', -1n],
    ['INT32', -1],
  ] as const) {
    const { payload, headers } = encode({
      inputs: [
        tensor('logits', 'FP32', [2, 3], [0, 1, 2, 0, 1, 2], true),
        tensor('given_indices', datatype, [2], [0, value], true),
      ],
    });
    const response = await service.app.inject({ method: 'POST', url: inferUrl, payload, headers });
    t.equal(response.statusCode, 422);
    t.match(response.json().errors[0], { pointer: '/inputs/1', message: /^at row 1: must be an integer from 0 to 2$/ });
  }
});
