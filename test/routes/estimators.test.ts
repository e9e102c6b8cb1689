/** The estimators softmax and gumbel_rao over HTTP: their values, their bits, their limits, and what is refused. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { encode, type Tensor } from '../support/inference.js';
import { gumbel } from '../support/reference/noise-float64.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const vjp = (body: object) => service.post('/sample/vjp', body);
const inferUrl = '/v2/models/gumbel_softmax_vjp/infer';

interface TorchCase {
  readonly temperature: number;
  readonly logits: readonly (number | null)[];
  readonly cotangent: readonly number[];
  readonly softmax_grad_logits: readonly number[];
}

t.test('softmax is the gradient that torch gives for sample + softmax - stop_gradient(softmax)', async (t) => {
  const { cases } = JSON.parse(readFileSync('test/fixtures/estimators_torch.json', 'utf8')) as { cases: TorchCase[] };
  for (const { temperature, logits, cotangent, softmax_grad_logits: expected } of cases) {
    const body = { logits, temperature, cotangent, hard: true, estimator: 'softmax', seed: 1 };
    const { status, reply } = await vjp(body);
    t.equal(status, 200);
    t.same(Object.keys(reply).slice(0, 2), ['grad_logits', 'estimator'], 'no grad_temperature');
    t.equal(reply.estimator, 'softmax');
    t.equal(reply.seed, 1);
    const size = Math.max(...cotangent.map(Math.abs)) / temperature;
    for (const [k, value] of expected.entries()) {
      // Exponentials are float32 and err by 1e-6 (knownRowErrorMax of scripts/known-rows.ts), three times over.
      t.ok(Math.abs((reply.grad_logits[k] as number) - value) <= 3e-6 * size, `${reply.grad_logits[k]} for ${value}`);
      if (logits[k] === null) t.equal(reply.grad_logits[k], 0);
    }
  }
});

t.test('softmax does not depend on the seed, and has the bits of the gradient without noise', async (t) => {
  const body = {
    logits: [
      [1, 2, null],
      [0.5, 0, 1],
    ],
    cotangent: [
      [1, 2, 3],
      [0, 0, 1],
    ],
    hard: true,
    temperature: 0.7,
  };
  const first = (await vjp({ ...body, estimator: 'softmax', seed: 1 })).reply.grad_logits;
  t.same((await vjp({ ...body, estimator: 'softmax', seed: 2 })).reply.grad_logits, first);
  t.same((await vjp({ ...body, estimator: 'softmax', seed: 2, noise: 'none' })).reply.grad_logits, first);
  t.same((await vjp({ ...body, noise: 'none', seed: 3 })).reply.grad_logits, first);
});

/** Gumbel-Rao of one row in float64 from the noise contract alone. */
function gumbelRao(logits: readonly number[], cotangent: readonly number[], tau: number, seed: bigint, inner: number) {
  const most = Math.max(...logits);
  const shifted = logits.map((l) => l - most);
  const noise = (stage: number) => logits.map((_, k) => Math.fround(gumbel(seed, 0, 0, k, stage)));
  const outer = noise(0).map((g, k) => g + shifted[k]);
  const index = outer.indexOf(Math.max(...outer));
  const logSum = Math.log(shifted.reduce((sum, l) => sum + Math.exp(l), 0));
  const gradient = logits.map(() => 0);
  for (let m = 1; m <= inner; m++) {
    const g = noise(2 * m);
    const top = logSum + g[index];
    const z = shifted.map((l, k) => (k === index ? top : -Math.log(Math.exp(-top) + Math.exp(-(l + g[k])))));
    const e = z.map((value) => Math.exp((value - top) / tau));
    const total = e.reduce((sum, value) => sum + value, 0);
    const mean = e.reduce((sum, value, k) => sum + (value / total) * cotangent[k], 0);
    for (const k of logits.keys()) gradient[k] += ((e[k] / total) * (cotangent[k] - mean)) / tau / inner;
  }
  return gradient;
}

t.test('gumbel_rao is the mean over inner draws of stages 2, 4, ... given the index of the draw', async (t) => {
  const logits = [1, 0.5, -1, 0.25];
  const cotangent = [1, -2, 0.5, 3];
  for (const [seed, temperature, rao_samples] of [
    [42, 0.5, 1],
    [43, 1, 3],
    [44, 2, 20],
  ] as const) {
    const body = { logits, cotangent, temperature, seed, hard: true, estimator: 'gumbel_rao', rao_samples };
    const { status, reply } = await vjp(body);
    t.equal(status, 200);
    t.same(Object.keys(reply).slice(0, 2), ['grad_logits', 'estimator'], 'no grad_temperature');
    const expected = gumbelRao(logits, cotangent, temperature, BigInt(seed), rao_samples);
    for (const [k, value] of expected.entries()) {
      // The noise errs by 3 * 2^-24 of 1 or its size, here below 8, and the gradient by max |v| / tau^2 of that.
      const tolerance = (3 * 8 * 2 ** -24 * 3) / Math.min(1, temperature ** 2);
      t.ok(Math.abs((reply.grad_logits[k] as number) - value) < tolerance, `${reply.grad_logits[k]} for ${value}`);
    }
  }
});

t.test('gumbel_rao: rows and samples alone, split, inline and on a worker have the same bits', async (t) => {
  const rows = Array.from({ length: 12 }, (_, b) => Array.from({ length: 50 }, (_, k) => Math.sin(b + 3 * k)));
  const cotangent = rows.map((row) => row.map((value) => Math.cos(9 * value)));
  const draw = { temperature: 0.4, seed: '77', hard: true, estimator: 'gumbel_rao', rao_samples: 64 };
  const whole = await vjp({ ...draw, logits: rows, cotangent });
  t.equal(whole.status, 200);
  const alone = await Promise.all(
    rows.map((logits, b) => vjp({ ...draw, logits, cotangent: cotangent[b], row_offset: b })),
  );
  t.same(
    whole.reply.grad_logits,
    alone.map(({ reply }) => reply.grad_logits),
  );
  const small = { ...draw, rao_samples: 3, logits: rows[0] };
  const twice = await vjp({ ...small, num_samples: 2, cotangent: [cotangent[0], cotangent[1]] });
  const [first, second] = await Promise.all(
    [0, 1].map((s) => vjp({ ...small, num_samples: 1, sample_offset: s, cotangent: [cotangent[s]] })),
  );
  for (const [k, value] of (twice.reply.grad_logits as number[]).entries()) {
    const sum = (first.reply.grad_logits[k] as number) + (second.reply.grad_logits[k] as number);
    // Three roundings to float32 of numbers below 10.
    t.ok(Math.abs(value - sum) < 10 * 2 ** -22, `${value} for ${sum}`);
  }
});

const tensor = (name: string, shape: number[], values: number[], binary: boolean) =>
  ({ name, datatype: 'FP32', shape, values, binary }) satisfies Tensor;

t.test('an inference, in JSON or bytes, has the bits of POST /sample/vjp', async (t) => {
  const [logits, cotangent] = [[1, 0.5, -1, 0, 2, 0].map(Math.fround), [1, 0, 2, 0, -1, 3]];
  for (const parameters of [{ estimator: 'softmax' }, { estimator: 'gumbel_rao', rao_samples: 10 }]) {
    const fields = { seed: 42, hard: true, temperature: 0.5, ...parameters };
    const nested = (values: number[]) => [values.slice(0, 3), values.slice(3)];
    const { reply } = await vjp({ ...fields, logits: nested(logits), cotangent: nested(cotangent) });
    for (const binary of [false, true]) {
      const inputs = [tensor('logits', [2, 3], logits, binary), tensor('cotangent', [2, 3], cotangent, binary)];
      const { payload, headers } = encode({ parameters: fields, inputs });
      const response = await service.app.inject({ method: 'POST', url: inferUrl, payload, headers });
      t.equal(response.statusCode, 200, response.body.slice(0, 300));
      const { outputs } = response.json();
      t.same(
        outputs.map(({ name }: { name: string }) => name),
        ['grad_logits'],
      );
      t.same(outputs[0].data, (reply.grad_logits as number[][]).flat());
    }
  }
});

t.test('extremes: dominating logits, one category left, 2^17 categories', async (t) => {
  for (const [logits, rao_samples] of [
    [[1e9, 0, -1e9], 1024],
    [[3.4e38, -3.4e38, 0], 3],
    [[null, 3, null], 5],
    [[7], 1],
    [Array.from({ length: 2 ** 17 }, (_, k) => (k === 5 ? 4 : 0)), 16],
  ] as const) {
    for (const temperature of [1e-6, 1, 1e6]) {
      const cotangent = logits.map((_, k) => Math.sin(k));
      const body = { logits, cotangent, temperature, hard: true, seed: 3 };
      for (const estimator of [{ estimator: 'softmax' }, { estimator: 'gumbel_rao', rao_samples }]) {
        const { status, reply } = await vjp({ ...body, ...estimator });
        t.equal(status, 200);
        t.ok(
          (reply.grad_logits as number[]).every(
            (value, k) => Number.isFinite(value) && (logits[k] !== null || value === 0),
          ),
        );
      }
    }
  }
});

const base = { logits: [1, 2], seed: 1, cotangent: [1, 0], hard: true };
const rao = { ...base, estimator: 'gumbel_rao', rao_samples: 2 };
for (const [title, body, code, pointer] of [
  ['softmax for soft samples', { ...base, estimator: 'softmax', hard: false }, 'validation', '/estimator'],
  ['gumbel_rao for soft samples', { ...rao, hard: false }, 'validation', '/estimator'],
  ['gumbel_rao without rao_samples', { ...rao, rao_samples: undefined }, 'validation', '/rao_samples'],
  ['gumbel_rao without noise', { ...rao, noise: 'none' }, 'validation', '/noise'],
  ['rao_samples null', { ...rao, rao_samples: null }, 'validation', '/rao_samples'],
  ['rao_samples 0', { ...rao, rao_samples: 0 }, 'validation', '/rao_samples'],
  ['rao_samples 1025', { ...rao, rao_samples: 1025 }, 'validation', '/rao_samples'],
  ['rao_samples 1.5', { ...rao, rao_samples: 1.5 }, 'validation', '/rao_samples'],
  ['rao_samples "2"', { ...rao, rao_samples: '2' }, 'validation', '/rao_samples'],
  ['rao_samples of no estimator', { ...base, rao_samples: 2 }, 'validation', '/rao_samples'],
  ['rao_samples of softmax', { ...base, estimator: 'softmax', rao_samples: 2 }, 'validation', '/rao_samples'],
  ['rao_samples of reinmax', { ...base, estimator: 'reinmax', rao_samples: 2 }, 'validation', '/rao_samples'],
  ['softmax without a seed', { ...base, estimator: 'softmax', seed: undefined }, 'validation', '/seed'],
  [
    'a gradient that leaves float32',
    { ...rao, logits: [0, 0], temperature: 0.5, num_samples: 8, cotangent: Array(8).fill([3e38, -3e38]) },
    'gradient-overflow',
    '/logits',
  ],
] as const) {
  t.test(`${title} gets 422 ${code}`, async (t) => {
    const { status, reply } = await vjp(body);
    t.equal(status, 422);
    t.equal(reply.type, `/problems/${code}`);
    t.equal(reply.errors[0]?.pointer, pointer);
  });
}

t.test('inner draws count as work, and one draw cannot have too many', async (t) => {
  const wide = { ...rao, logits: Array(4096).fill(0), cotangent: Array(4096).fill(1), rao_samples: 513 };
  const tooWide = await vjp(wide);
  t.equal(tooWide.status, 413);
  t.match(tooWide.reply, { type: '/problems/too-many-elements', errors: [{ pointer: '/rao_samples' }] });
  t.equal((await vjp({ ...wide, rao_samples: 512 })).status, 200);
  const limited = await startService({ ELEMENTS_DRAWN_MAX: '20000' });
  t.teardown(limited.close);
  const small = { ...rao, logits: Array(100).fill(0), cotangent: Array(100).fill(1) };
  t.equal((await limited.post('/sample/vjp', { ...small, rao_samples: 1 })).status, 200);
  const refused = await limited.post('/sample/vjp', { ...small, rao_samples: 1000 });
  t.equal(refused.status, 413);
  t.equal(refused.reply.type, '/problems/too-many-elements');
});

const logits = { name: 'logits', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
const inputs = [logits, { ...logits, name: 'cotangent' }];
for (const [title, parameters, pointer, outputs] of [
  ['softmax for soft samples', { estimator: 'softmax' }, '/parameters/estimator'],
  ['gumbel_rao without rao_samples', { hard: true, estimator: 'gumbel_rao' }, '/parameters/rao_samples'],
  ['rao_samples of no estimator', { hard: true, rao_samples: 2 }, '/parameters/rao_samples'],
  [
    'gumbel_rao without noise',
    { hard: true, estimator: 'gumbel_rao', rao_samples: 1, noise: 'none' },
    '/parameters/noise',
  ],
  ['a gradient of the temperature', { hard: true, estimator: 'softmax' }, '/outputs/0/name', ['grad_temperature']],
] as const) {
  t.test(`an inference with ${title} gets 422`, async (t) => {
    const names = outputs?.map((name) => ({ name }));
    const { status, reply } = await service.post(inferUrl, {
      inputs,
      parameters: { seed: 1, ...parameters },
      outputs: names,
    });
    t.equal(status, 422);
    t.match(reply, { code: 'validation', errors: [{ pointer }] });
  });
}

t.test('rao_samples of a draw belong to the other model', async (t) => {
  const { reply } = await service.post('/v2/models/gumbel_softmax/infer', {
    inputs: [logits],
    parameters: { rao_samples: 2 },
  });
  t.match(reply.errors[0], {
    pointer: '/parameters/rao_samples',
    message: 'is a parameter of gumbel_softmax_vjp, not of gumbel_softmax',
  });
});
