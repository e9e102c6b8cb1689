/**
 * What the service computes around a draw, through the TypeScript client: probabilities, scores, conditioned draws and
 * estimators, bit for bit as POST /sample, /sample/vjp and /log-prob answer, whole and in parts.
 */
import { Client, type Tensor } from '@gumbel-sampler/client';
import t from 'tap';
import { serve } from './served.js';

const served = await serve();
t.teardown(served.close);
/** So narrow that every call below goes in parts. */
const narrow = await serve({ ROWS_MAX: '2', SAMPLES_MAX: '2' });
t.teardown(narrow.close);
const { service } = served;

const logits = [
  [
    [1, 0.5, -1, null, 0.2],
    [0, 2, -3, 1, 0.1],
    [5, 5, 5, 5, 5],
  ],
  [
    [0, 1e9, -1, 0, 3],
    [-1, -2, -3, -4, -5],
    [0.1, 0.2, 0.3, 0.4, 0.5],
  ],
];

/** Numbers of a reply, flat, as the client gives them. float64 and integers print with all their digits. */
const flat = (json: unknown): number[] =>
  Array.isArray(json) ? json.flatMap(flat) : [(json as number | null) ?? -Infinity];
const numbers = ({ data }: Pick<Tensor<Float32Array | Float64Array | Int32Array>, 'data'>) => [...data];

async function reply(url: string, body: object): Promise<Record<string, unknown>> {
  const { status, reply: answer, text } = await service.post(url, body);
  t.equal(status, 200, text.slice(0, 200));
  return answer as unknown as Record<string, unknown>;
}

for (const [name, client] of [
  ['whole', served.client],
  ['in parts', narrow.client],
] as const) {
  t.test(`probabilities and scores of a draw, ${name}`, async (t) => {
    const outputs = ['indices', 'indexLogProb', 'topIndices', 'topScores', 'topThreshold', 'topLogProb'] as const;
    const draw = await client.sample(logits, { seed: 7n, topK: 2, numSamples: 3, outputs });
    const expected = await reply('/sample', {
      logits,
      seed: '7',
      top_k: 2,
      num_samples: 3,
      return: ['indices', 'index_log_prob', 'top_scores', 'top_threshold', 'top_log_prob'],
    });
    t.same(numbers(draw.indexLogProb), flat(expected.index_log_prob));
    t.same(draw.indexLogProb.shape, [3, 2, 3]);
    t.same(numbers(draw.topIndices), flat(expected.top_indices));
    t.same(numbers(draw.topScores), flat(expected.top_scores));
    t.same(draw.topScores.shape, [3, 2, 3, 2]);
    t.same(numbers(draw.topThreshold), flat(expected.top_threshold));
    t.same(numbers(draw.topLogProb), flat(expected.top_log_prob));
    const ofIndices = await client.logProb(logits, { indices: draw.indices });
    t.same(numbers(ofIndices), numbers(draw.indexLogProb), 'the same by logProb of the indices');
    const ofOrders = await client.logProb(logits, { topIndices: draw.topIndices });
    t.same(numbers(ofOrders), numbers(draw.topLogProb), 'and of the orders');
  });

  t.test(`a draw of given indices, ${name}`, async (t) => {
    const given = [
      [2, 0, 4],
      [0, 3, 1],
    ];
    const options = { seed: 8n, temperature: 0.5, givenIndices: given.flat(), numSamples: 3 };
    const draw = await client.sample(logits, { ...options, outputs: ['samples', 'indices', 'noise'] });
    const expected = await reply('/sample', {
      logits,
      seed: '8',
      temperature: 0.5,
      given_indices: given,
      num_samples: 3,
      return: ['samples', 'indices', 'noise'],
    });
    t.same(numbers(draw.indices), [...given.flat(), ...given.flat(), ...given.flat()]);
    t.same(numbers(draw.samples), flat(expected.samples).map(Math.fround));
    t.same(numbers(draw.noise), flat(expected.noise).map(Math.fround));
  });

  t.test(`estimators of a hard draw, ${name}`, async (t) => {
    const draw = await client.sample(logits, { seed: 9n, hard: true, temperature: 0.7 });
    const cotangent = logits.map((rows) => rows.map((row) => row.map((_, k) => k - 1.5)));
    const body = { logits, seed: '9', hard: true, temperature: 0.7, cotangent };
    for (const [estimator, raoSamples] of [
      ['straight_through', undefined],
      ['reinmax', undefined],
      ['softmax', undefined],
      ['gumbel_rao', 5],
    ] as const) {
      const { gradLogits, gradTemperature } = await client.vjp(draw, cotangent, { estimator, raoSamples });
      const own = raoSamples === undefined ? { estimator } : { estimator, rao_samples: raoSamples };
      const expected = await reply('/sample/vjp', { ...body, ...own });
      t.same(numbers(gradLogits), flat(expected.grad_logits).map(Math.fround), estimator);
      t.same(gradLogits.shape, [2, 3, 5]);
      t.equal(gradTemperature === undefined, estimator !== 'straight_through');
    }
  });
}

t.test('what the service refuses has its code and its place', async (t) => {
  const client = new Client(served.url);
  await t.rejects(client.sample([0, null], { givenIndices: [1] }), { code: 'validation', status: 422 });
  await t.rejects(client.logProb([0, null], { topIndices: [0, 0] }), { code: 'validation', status: 422 });
  const draw = await client.sample([0, 1]);
  await t.rejects(client.vjp(draw, [1, 0], { estimator: 'gumbel_rao', raoSamples: 3 }), {
    code: 'validation',
    status: 422,
  });
});
