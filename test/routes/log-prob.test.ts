/** Log-density over HTTP, alone and beside the draw it belongs to. */
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const logProb = (body: unknown) => service.post('/log-prob', body);

t.test('for two categories it is the density worked by hand', async (t) => {
  // p(y) = tau exp(l1 + l2) (y1 y2)^(-tau-1) / (exp(l1) y1^-tau + exp(l2) y2^-tau)^2; with l = 0, y = 1/2: tau 4 / 4 =
  // tau.
  for (const temperature of [0.25, 1, 3]) {
    const { reply } = await logProb({ logits: [0, 0], temperature, samples: [0.5, 0.5] });
    t.ok(Math.abs(reply.log_prob - Math.log(temperature)) < 1e-12);
  }
});

t.test('log_prob of a draw is the log-density of its log_samples, digit for digit', async (t) => {
  for (const temperature of [0.01, 0.5, 2]) {
    const draw = {
      logits: [
        [1, 2, null, 0],
        [0, 0, 0, -3],
      ],
      temperature,
    };
    const body = { ...draw, seed: 8, return: ['log_prob', 'log_samples', 'samples'] };
    const { reply } = await service.sample(body);
    const { log_prob, log_samples } = reply;
    t.equal(log_samples[0]?.[2], null, 'masked');
    t.same((await logProb({ ...draw, log_samples })).reply.log_prob, log_prob);
  }
});

t.test('with hard, log_samples and log_prob describe the soft draw behind it', async (t) => {
  const body = { logits: [1, 2, 0], seed: 8, return: ['log_prob', 'log_samples'] };
  const soft = (await service.sample(body)).reply;
  const hard = (await service.sample({ ...body, hard: true })).reply;
  t.same([hard.log_prob, hard.log_samples], [soft.log_prob, soft.log_samples]);
});

t.test('samples and their logarithms agree where both can be sent', async (t) => {
  const draw = {
    logits: [
      [0.5, 1, 0],
      [2, 0, 1],
    ],
    temperature: [1, 2],
  };
  const { reply } = await service.sample({ ...draw, seed: 2, return: ['samples', 'log_prob'] });
  const { reply: again } = await logProb({ ...draw, samples: reply.samples });
  for (const row of [0, 1]) {
    // A sample rounded to float32 moves log y by 2^-24 at most, and log p by (tau + 1) K of that.
    const difference = again.log_prob[row] - reply.log_prob[row];
    t.ok(Math.abs(difference) < 2 * 9 * 2 ** -24);
  }
});

t.test('at temperature 0.01 with 50,000 categories it is finite where every other sample underflows', async (t) => {
  const logits = Array.from({ length: 50_000 }, (_, k) => Math.sin(k));
  const { reply } = await service.sample({ logits, temperature: 0.01, seed: 1, return: ['log_prob', 'indices'] });
  t.ok(Number.isFinite(reply.log_prob));
});

t.test('a positive sample at a masked category has density 0, log null', async (t) => {
  t.equal((await logProb({ logits: [0, null], samples: [0.5, 0.5] })).reply.log_prob, null);
  t.equal((await logProb({ logits: [0, 0, null], log_samples: [-0.5108256, -0.9162907, -50] })).reply.log_prob, null);
  t.equal((await logProb({ logits: [0, null], samples: [1, 0] })).reply.log_prob, 0, 'one category left: a point');
});

const logits = [0, 0];
for (const [title, body, code, pointer] of [
  ['no logits', { samples: [1] }, 'validation', '/logits'],
  ['no points', { logits }, 'validation', ''],
  ['two kinds', { logits, samples: [0.5, 0.5], log_samples: [-0.7, -0.7] }, 'validation', ''],
  ['samples of another shape', { logits, samples: [[[0.5, 0.5]]] }, 'validation', '/samples'],
  ['samples of another row', { logits, samples: [0.5, 0.25, 0.25] }, 'validation', '/samples'],
  ['samples that are text', { logits, samples: 'x' }, 'validation', '/samples'],
  ['null in samples', { logits: [0, null], samples: [1, null] }, 'validation', '/samples/1'],
  ['an infinite sample', { logits, samples: [0.5, 1e39] }, 'validation', '/samples/1'],
  ['a zero', { logits, samples: [1, 0] }, 'zero-sample', '/samples/1'],
  [
    'a zero in a matrix',
    {
      logits: [logits, logits],
      samples: [
        [0.5, 0.5],
        [0, 1],
      ],
    },
    'zero-sample',
    '/samples/1/0',
  ],
  ['a negative sample', { logits, samples: [1.5, -0.5] }, 'not-on-simplex', '/samples/1'],
  ['a sum of 1.01', { logits, samples: [0.51, 0.5] }, 'not-on-simplex', '/samples'],
  [
    'a row with a sum of 0.5',
    {
      logits: [logits, logits],
      samples: [
        [0.5, 0.5],
        [0.25, 0.25],
      ],
    },
    'not-on-simplex',
    '/samples/1',
  ],
  ['log_samples that are samples', { logits, log_samples: [0.5, 0.5] }, 'not-on-simplex', '/log_samples'],
  ['null at an unmasked category', { logits, log_samples: [0, null] }, 'validation', '/log_samples/1'],
  ['temperature 0', { logits, temperature: 0, samples: [0.5, 0.5] }, 'temperature-out-of-range', '/temperature'],
  ['too many temperatures', { logits, temperature: [1, 1], samples: [0.5, 0.5] }, 'validation', '/temperature'],
  ['a seed, which a density has not', { logits, samples: [0.5, 0.5], seed: 1 }, 'validation', '/seed'],
] as const) {
  t.test(`${title} gets 422 ${code}`, async (t) => {
    const { status, reply, text } = await logProb(body);
    t.equal(status, 422);
    t.equal(reply.type, `/problems/${code}`);
    t.equal(reply.errors[0]?.pointer, pointer);
    t.ok(Buffer.byteLength(text) < 4096);
  });
}
