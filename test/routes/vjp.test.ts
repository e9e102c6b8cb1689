/**
 * The backward pass over HTTP: against finite differences of the very draw it replays, and how its shapes follow the
 * draw's.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { referenceDraw } from '../support/reference/gumbel-softmax.js';

import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const vjp = (body: unknown) => service.post('/sample/vjp', body);

/** <cotangent, soft sample> of one row, in float64. */
function loss(
  logits: readonly number[],
  noise: readonly number[],
  temperature: number,
  cotangent: readonly number[],
): number {
  // The reference rounds z to float32, which differences would see; float64 logits and noise keep it exact.
  const largest = Math.max(...logits);
  const scaled = logits.map((logit, k) => (logit - largest + noise[k]) / temperature);
  const top = Math.max(...scaled);
  const weights = scaled.map((value) => Math.exp(value - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.reduce((sum, weight, k) => sum + cotangent[k] * (weight / total), 0);
}

t.test('the gradient is that of the draw with the same seed, by central differences', async (t) => {
  const logits = [0.5, 1.25, -2, 0.75];
  const cotangent = [1, -2, 0.5, 3];
  for (const temperature of [0.05, 0.5, 1, 10]) {
    const draw = { logits, temperature, seed: 77 };
    const { noise } = (await service.sample({ ...draw, return: ['noise'] })).reply;
    const { status, reply } = await vjp({ ...draw, cotangent });
    t.equal(status, 200);
    const step = 1e-4 * temperature;
    // Central differences are off by about step^2 f''' / 6 <= 1e-8 |f| / temperature, and float32 gradients by about
    // 100 of their roundings, 6e-6 of the largest term, 3 / temperature.
    const tolerance = 2e-5 / temperature;
    for (const k of logits.keys()) {
      const at = (shift: number) => loss(logits.with(k, logits[k] + shift), noise, temperature, cotangent);
      const expected = (at(step) - at(-step)) / (2 * step);
      t.ok(Math.abs(reply.grad_logits[k] - expected) < tolerance, `tau ${temperature}, logit ${k}`);
    }
    const at = (shift: number) => loss(logits, noise, temperature + shift, cotangent);
    const expected = (at(step) - at(-step)) / (2 * step);
    t.ok(Math.abs(reply.grad_temperature - expected) < tolerance / Math.min(1, temperature));
  }
});

t.test('hard samples borrow the gradient of the soft ones, and reinmax has one of its own', async (t) => {
  const draw = {
    logits: [
      [1, 2, 3],
      [0, null, 0],
    ],
    seed: 5,
    cotangent: [
      [1, 0, 2],
      [3, 5, 1],
    ],
  };
  const soft = (await vjp(draw)).reply;
  const hard = (await vjp({ ...draw, hard: true })).reply;
  t.same(hard.grad_logits, soft.grad_logits);
  t.equal(hard.hard, true);
  t.equal(soft.grad_logits[1]?.[1], 0, 'a masked category has no gradient');
  const reinmax = (await vjp({ ...draw, hard: true, estimator: 'reinmax' })).reply;
  t.notSame(reinmax.grad_logits, hard.grad_logits);
  t.equal(reinmax.grad_temperature, undefined);
  t.equal(reinmax.estimator, 'reinmax');
});

t.test('gradients sum over samples, and grad_temperature has the shape of the temperature', async (t) => {
  const logits = [
    [1, 2, 3],
    [3, 1, 0],
  ];
  const cotangent = [
    [
      [1, 0, 0],
      [0, 1, 0],
    ],
    [
      [0, 0, 1],
      [2, 0, 0],
    ],
    [
      [1, 1, 0],
      [0, 3, 1],
    ],
  ];
  const draw = { logits, seed: 9, num_samples: 3, temperature: [0.5, 2] };
  const { reply } = await vjp({ ...draw, cotangent });
  const sum = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const temperatures = [0, 0];
  for (const [sample, own] of cotangent.entries()) {
    const one = (await vjp({ ...draw, num_samples: 1, sample_offset: sample, cotangent: [own] })).reply;
    for (const row of [0, 1]) {
      for (const k of [0, 1, 2]) sum[row][k] += Math.fround(one.grad_logits[row]?.[k]);
      temperatures[row] += Math.fround(one.grad_temperature[row]);
    }
  }
  // Each reply is rounded to float32 once, the sum too: 2^-24 of each.
  const isSum = (own: unknown, ofReplies: unknown) =>
    Math.abs((own as number) - (ofReplies as number)) <= 2 ** -22 * Math.max(0.5, Math.abs(own as number));
  for (const row of [0, 1]) {
    for (const k of [0, 1, 2]) {
      t.ok(isSum(reply.grad_logits[row]?.[k], sum[row]?.[k]), `row ${row}, category ${k}`);
    }
    t.ok(isSum(reply.grad_temperature[row], temperatures[row]), `temperature of row ${row}`);
  }
  const shared = (await vjp({ ...draw, temperature: 0.5, cotangent })).reply;
  t.type(shared.grad_temperature, 'number');
  const scheduled = { schedule: 'linear', initial: 1, minimum: 0.5, steps: 10, step: 10 };
  t.same((await vjp({ ...draw, temperature: scheduled, cotangent })).reply, shared);
});

t.test('gradients of samples that all but cancel are added in float64, and rounded once', async (t) => {
  interface Case {
    readonly open: readonly number[];
    readonly temperature: number;
    readonly cotangent: readonly (readonly number[])[];
    readonly grad_logits: readonly number[];
  }
  const cases = JSON.parse(readFileSync('test/fixtures/vjp_exact.json', 'utf8')) as Case[];
  for (const { open, temperature, cotangent, grad_logits: exact } of cases) {
    const logits = exact.map((_, k) => (open.includes(k) ? 0.25 : null));
    const { reply } = await vjp({
      logits,
      temperature,
      noise: 'none',
      seed: 0,
      num_samples: cotangent.length,
      cotangent,
    });
    const found = (reply.grad_logits as number[]).map(Math.fround);
    const terms = cotangent.reduce((sum, own) => sum + Math.max(...own.map(Math.abs)), 0) / temperature;
    for (const [k, value] of exact.entries()) {
      // One rounding to float32, and float64 sums of S + K terms, each off by 2^-53 at most. Samples rounded one by one
      // are off by 2^-26.
      const bound = 2 ** -24 * Math.abs(value) + 2 ** -48 * terms;
      const off = Math.abs(found[k] - value);
      if (!(off <= bound))
        t.fail(`${exact.length} categories, ${cotangent.length} samples, category ${k}: off by ${off}`);
    }
  }
  t.ok(cases.length > 50);
  const { reply } = await vjp({
    logits: [0, 0.1, -0.3],
    seed: 1,
    num_samples: 2,
    cotangent: [
      [1, 0, 0],
      [-2.125068426132202, 0, 0],
    ],
  });
  const [first] = reply.grad_logits as [number];
  // mpmath has -1.365e-8 for the exact softmax of these z. Each term is 0.19 and its exponentials are float32: 2^-26 of
  // it, more would be the rounding of the terms, which leaves 0 or multiples of 2^-27.
  t.ok(Math.abs(first + 1.365e-8) < 0.19 * 2 ** -26 && (first * 2 ** 27) % 1 !== 0, `${first}`);
});

t.test('gradients of samples may leave float32 where their sum does not', async (t) => {
  const M = 3.4028234663852886e38;
  const { status, reply } = await vjp({
    logits: [0, 0.1],
    seed: 7,
    temperature: 0.3,
    num_samples: 2,
    cotangent: [
      [M, -M],
      [-M, M],
    ],
  });
  t.equal(status, 200);
  const [first, second] = reply.grad_logits as [number, number];
  // From an independent computation in float64, to four digits.
  t.ok(Math.abs(first / -2.961e38 - 1) < 2e-4, `${first}`);
  t.equal(second, -first);
});

t.test('a row has the same gradient alone and in a batch, among other requests', async (t) => {
  const rows = Array.from({ length: 6 }, (_, row) => [row / 3, 1, -row, 0.5]);
  const cotangent = rows.map((row) => row.map((value) => Math.sin(value)));
  const [whole, ...alone] = await Promise.all([
    vjp({ logits: rows, temperature: 0.3, seed: 3, cotangent }),
    ...rows.map((logits, row) =>
      vjp({ logits, temperature: 0.3, seed: 3, row_offset: row, cotangent: cotangent[row] }),
    ),
  ]);
  t.same(
    whole?.reply.grad_logits,
    alone.map(({ reply }) => reply.grad_logits),
  );
});

t.test('logits of 3.4e38 and -3.4e38 give finite gradients', async (t) => {
  for (const estimator of ['straight_through', 'reinmax']) {
    const body = {
      logits: [3.4e38, -3.4e38, 3.4e38, null, 0],
      hard: true,
      seed: 1,
      cotangent: [1, 2, 3, 4, 5],
      estimator,
    };
    const { status, reply } = await vjp(body);
    t.equal(status, 200);
    t.ok((reply.grad_logits as number[]).every(Number.isFinite));
    t.equal(reply.grad_logits[3], 0);
  }
});

t.test('with noise "none" it is the gradient of the plain softmax', async (t) => {
  const logits = [0.1, 0.2, 0.7];
  const { soft } = referenceDraw(logits, [0, 0, 0], 2);
  const { reply } = await vjp({ logits, temperature: 2, noise: 'none', seed: 0, cotangent: [1, 0, 0] });
  const y = [...soft];
  for (const [k, value] of y.entries()) {
    const expected = (value * ((k === 0 ? 1 : 0) - y[0])) / 2;
    // A few roundings of numbers below 1 / 8.
    t.ok(Math.abs(reply.grad_logits[k] - expected) < 1e-7);
  }
});

t.test('a shape that is only said is never allocated', async (t) => {
  const body = { logits: [0, 1], seed: 1, cotangent: 5 };
  for (const [num_samples, code] of [
    [Number.MAX_SAFE_INTEGER, 'validation'],
    [1_000_001, 'too-many-elements'],
    [1_000_000, 'validation'],
  ]) {
    t.equal((await vjp({ ...body, num_samples })).reply.type, `/problems/${code}`);
  }
});

const base = { logits: [1, 2], seed: 1, cotangent: [1, 0] };
for (const [title, body, code, pointer] of [
  ['no seed', { ...base, seed: undefined }, 'validation', '/seed'],
  ['a bad seed', { ...base, seed: -1 }, 'invalid-seed', '/seed'],
  ['no cotangent', { ...base, cotangent: undefined }, 'validation', '/cotangent'],
  ['a cotangent of another length', { ...base, cotangent: [1, 0, 0] }, 'validation', '/cotangent'],
  ['a cotangent of another rank', { ...base, cotangent: [[1, 0]] }, 'validation', '/cotangent'],
  [
    'a ragged cotangent',
    {
      ...base,
      logits: [
        [1, 2],
        [3, 4],
      ],
      cotangent: [[1, 0], [1]],
    },
    'validation',
    '/cotangent',
  ],
  ['a cotangent without its samples', { ...base, num_samples: 2 }, 'validation', '/cotangent'],
  [
    'a rank 3 cotangent of another shape',
    { ...base, logits: [[1, 2]], num_samples: 2, cotangent: [[[1, 0]], [[1]]] },
    'validation',
    '/cotangent',
  ],
  ['null in the cotangent', { ...base, cotangent: [1, null] }, 'validation', '/cotangent/1'],
  ['text in the cotangent', { ...base, cotangent: [1, 'x'] }, 'validation', '/cotangent'],
  ['an infinite cotangent', { ...base, cotangent: [1, 1e39] }, 'validation', '/cotangent/1'],
  ['an unknown estimator', { ...base, estimator: 'rebar' }, 'validation', '/estimator'],
  ['reinmax for soft samples', { ...base, estimator: 'reinmax' }, 'validation', '/estimator'],
  ['return, which only a draw has', { ...base, return: ['samples'] }, 'validation', '/return'],
  [
    'a gradient that leaves float32',
    { ...base, temperature: 1e-6, noise: 'none', logits: [0, 0], cotangent: [3e38, -3e38] },
    'gradient-overflow',
    '/logits',
  ],
  [
    'a gradient of one row that leaves float32',
    {
      logits: [
        [0, 0],
        [0, 0],
      ],
      seed: 1,
      temperature: [1, 1e-6],
      noise: 'none',
      cotangent: [
        [1, 0],
        [3e38, -3e38],
      ],
    },
    'gradient-overflow',
    '/logits/1',
  ],
  [
    // y (1 - y) 2 v / tau = 1.7e38 for the logits and -2.2e38 for the temperature of each row: only their sum is too
    // large.
    'a gradient of the temperature that rows share',
    {
      logits: [
        [0, -0.5],
        [0, -0.5],
      ],
      seed: 1,
      temperature: 0.4,
      noise: 'none',
      cotangent: [
        [2e38, -2e38],
        [2e38, -2e38],
      ],
    },
    'gradient-overflow',
    '/temperature',
  ],
  [
    // 2.5e38 for the logits, -5.0e38 for the temperature.
    'a gradient of the temperature of one row',
    {
      logits: [
        [0, 0],
        [0, -0.5],
      ],
      seed: 1,
      temperature: [1, 0.25],
      noise: 'none',
      cotangent: [
        [1, 0],
        [3e38, -3e38],
      ],
    },
    'gradient-overflow',
    '/temperature/1',
  ],
] as const) {
  t.test(`${title} gets 422 ${code}`, async (t) => {
    const { status, reply, text } = await vjp(body);
    t.equal(status, 422);
    t.equal(reply.type, `/problems/${code}`);
    t.equal(reply.errors[0]?.pointer, pointer);
    t.ok(Buffer.byteLength(text) < 4096);
  });
}
