/**
 * What the documents leave no doubt about: rounding before bounds, tiny logits, counters, single seeds, and positive
 * values at a mask.
 */
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

t.test('a row or sample numbered 2^32 is refused, not wrapped', async (t) => {
  const logits = [
    [0, 1],
    [1, 0],
  ];
  for (const [field, fields, last] of [
    ['row_offset', {}, 2 ** 32 - 2],
    ['sample_offset', { num_samples: 3 }, 2 ** 32 - 3],
  ] as const) {
    t.equal((await service.sample({ logits, seed: 1, ...fields, [field]: last })).status, 200);
    const { status, reply } = await service.sample({ logits, seed: 1, ...fields, [field]: last + 1 });
    t.equal(status, 422);
    t.equal(reply.errors[0]?.pointer, `/${field}`);
  }
});

t.test('an array of one seed is one seed for all rows, in JSON and in the Open Inference Protocol', async (t) => {
  const logits = [
    [0, 1, 2],
    [0, 1, 2],
  ];
  const asked = { logits, row_offset: 5, return: ['noise'] };
  const one = (await service.sample({ ...asked, seed: 7 })).reply;
  const listed = (await service.sample({ ...asked, seed: [7] })).reply;
  t.same(listed.noise, one.noise);
  t.same(listed.seed, [7], 'the reply has the shape that was sent');
  t.equal(one.seed, 7);
  const single = { logits: logits[0], row_offset: 5, return: ['noise'] };
  t.same((await service.sample({ ...single, seed: [7] })).reply.noise, one.noise[0]);
  const { reply } = await service.post('/v2/models/gumbel_softmax/infer', {
    inputs: [
      { name: 'logits', shape: [2, 3], datatype: 'FP32', data: logits },
      { name: 'seed', shape: [1], datatype: 'UINT64', data: [7] },
    ],
    parameters: { row_offset: 5 },
    outputs: [{ name: 'noise' }],
  });
  const { outputs } = reply as unknown as { outputs: { name: string; data: number[] }[] };
  const noise = outputs.find(({ name }) => name === 'noise')?.data ?? [];
  t.same(noise.map(Math.fround), (one.noise as number[][]).flat().map(Math.fround));
  const two = await service.sample({ logits, seed: [7, 8], row_offset: 5 });
  t.equal(two.status, 422, 'seeds of rows number no rows');
});

t.test('seeds are repeated as they were meant, however they are spelled', async (t) => {
  // 10^-300 underflows to 0 in JSON.parse, and its digits are more than the reader of seeds looks at.
  const long = `0.${'0'.repeat(400)}1`;
  const payload = `{"logits":[[0,1],[1,0],[2,1]],"seed":[3,${long},"5"]}`;
  const headers = { 'content-type': 'application/json' };
  const reply = await service.app.inject({ method: 'POST', url: '/sample', payload, headers });
  t.equal(reply.statusCode, 200);
  t.same(reply.json().seed, [3, 0, '5']);
});

t.test('a temperature is rounded to float32 before its bounds are checked', async (t) => {
  for (const temperature of [1e-6 * (1 - 2 ** -30), 1e6 * (1 + 2 ** -30)]) {
    t.equal(
      (await service.sample({ logits: [0, 1], temperature })).status,
      200,
      `${temperature} is a bound in float32`,
    );
  }
  for (const temperature of [1e-6 * (1 - 2 ** -20), 1e6 * (1 + 2 ** -20)]) {
    t.equal((await service.sample({ logits: [0, 1], temperature })).status, 422, `${temperature} is not`);
  }
});

t.test('a logit below 2^-100 in magnitude is 0', async (t) => {
  const asked = { seed: 3, num_samples: 50, return: ['samples', 'indices'] };
  const zero = (await service.sample({ ...asked, logits: [0, 0, 0] })).reply;
  const tiny = (await service.sample({ ...asked, logits: [1e-31, -1e-40, -0] })).reply;
  t.same(tiny.samples, zero.samples);
  t.same(tiny.indices, zero.indices);
});

t.test('a positive value at a masked category counts in the sum of a point', async (t) => {
  const density = (samples: number[]) => service.post('/log-prob', { logits: [0, null, 0], samples });
  const counted = await density([0.5, 0.01, 0.49]);
  t.equal(counted.status, 200);
  t.equal(counted.reply.log_prob, null, 'its density is 0');
  const beyond = await density([0.5, 0.01, 0.5]);
  t.equal(beyond.reply.type, '/problems/not-on-simplex');
});
