import t from 'tap';
import { testProvider } from '../support/provider.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

t.test('the least request draws one soft sample and says how to replay it', async (t) => {
  const { status, reply } = await service.sample({ logits: [0.5, 1, -2] });
  t.equal(status, 200);
  const samples = reply.samples as number[];
  t.equal(samples.length, 3);
  // Three float32 values that sum to 1 are each off by at most half an ulp of 1, 2^-25; the division adds one more
  // each.
  t.ok(Math.abs(samples.reduce((a, b) => a + b, 0) - 1) <= 6 * 2 ** -25);
  t.equal(samples[reply.indices], Math.max(...samples));
  t.match(reply.seed, /^(0|[1-9][0-9]{0,19})$/);
  t.match(reply, { temperature: 1, hard: false, noise_version: 'philox4x32-10/1', provider: testProvider });
  t.equal(reply.noise, undefined);

  const replayed = await service.sample({ logits: [0.5, 1, -2], seed: reply.seed });
  t.same(replayed.reply, reply);
});

t.test('requests without a seed get different ones', async (t) => {
  const seeds = await Promise.all(
    Array.from({ length: 50 }, async () => (await service.sample({ logits: [1] })).reply.seed),
  );
  t.equal(new Set(seeds).size, 50);
});

t.test('the same request gives the same bytes', async (t) => {
  const body = {
    logits: [
      [1, null, 3],
      [0, 0, 0],
    ],
    temperature: 0.3,
    seed: '18446744073709551615',
    num_samples: 3,
  };
  t.equal((await service.sample(body)).text, (await service.sample(body)).text);
});

t.test('shapes follow the logits, with samples in front', async (t) => {
  const shapeOf = (value: unknown): number[] => (Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : []);
  const row = [1, 2, 3, 4];
  for (const [logits, num_samples, expected] of [
    [row, undefined, []],
    [row, 1, [1]],
    [row, 5, [5]],
    [[row], undefined, [1]],
    [[row, row, row], undefined, [3]],
    [[row, row, row], 5, [5, 3]],
  ] as const) {
    const { reply } = await service.sample({ logits, num_samples, return: ['samples', 'indices', 'noise'] });
    t.same(shapeOf(reply.samples), [...expected, 4]);
    t.same(shapeOf(reply.noise), [...expected, 4]);
    t.same(shapeOf(reply.indices), [...expected]);
  }
});

t.test('return chooses what the reply carries', async (t) => {
  const rest = ['seed', 'temperature', 'hard', 'noise_version', 'provider'];
  for (const names of [['samples'], ['indices'], ['noise'], ['samples', 'noise'], ['samples', 'indices', 'noise']]) {
    const { reply } = await service.sample({ logits: [1, 2], return: names });
    t.same(Object.keys(reply), [...names, ...rest]);
  }
});

t.test('hard samples are one-hot at their index, and agree with the soft ones of the seed', async (t) => {
  const body = {
    logits: [
      [1, 2, 3, 4],
      [4, 3, 2, 1],
    ],
    seed: 11,
    num_samples: 20,
  };
  const soft = (await service.sample(body)).reply;
  const hard = (await service.sample({ ...body, hard: true })).reply;
  t.same(hard.indices, soft.indices);
  t.equal(hard.hard, true);
  for (const [s, rows] of (hard.samples as number[][][]).entries()) {
    for (const [b, sample] of rows.entries()) {
      t.same(
        sample,
        [0, 1, 2, 3].map((k) => (k === hard.indices[s]?.[b] ? 1 : 0)),
      );
    }
  }
});

t.test('a masked category is exactly 0 and is never drawn; its noise is the true value', async (t) => {
  const open = (await service.sample({ logits: [0, 0, 0], seed: 4, num_samples: 500, return: ['noise'] })).reply;
  const { reply } = await service.sample({
    logits: [0, null, 0],
    seed: 4,
    num_samples: 500,
    return: ['samples', 'indices', 'noise'],
  });
  t.ok((reply.samples as number[][]).every((sample) => sample[1] === 0));
  t.notOk((reply.indices as number[]).includes(1));
  t.same(reply.noise, open.noise);
});

t.test('noise "none" is the plain softmax with temperature, and hard its mode', async (t) => {
  const body = { logits: [1, 2, 4], temperature: 2, noise: 'none' };
  const soft = (await service.sample({ ...body, return: ['samples', 'indices', 'noise'] })).reply;
  const weights = body.logits.map((logit) => Math.exp(logit / 2));
  const total = weights.reduce((a, b) => a + b, 0);
  for (const [k, weight] of weights.entries()) {
    // float32 exp, sum and division: a few ulp of a number below 1.
    t.ok(Math.abs(soft.samples[k] - weight / total) < 1e-6);
  }
  t.same(soft.noise, [0, 0, 0]);
  t.equal(soft.indices, 2);
  t.same((await service.sample({ ...body, hard: true })).reply.samples, [0, 0, 1]);
});

t.test('temperature and seed per row: each row equals the one-row request', async (t) => {
  const rows = [
    [1, 2, 3],
    [1, 2, 3],
    [0, 0, 1],
  ];
  const temperature = [0.1, 10, 1];
  const seed = [7, '18446744073709551615', 7];
  const { reply } = await service.sample({ logits: rows, temperature, seed });
  t.same(reply.seed, seed);
  t.same(reply.temperature, temperature);
  for (const [b, row] of rows.entries()) {
    const alone = (await service.sample({ logits: row, temperature: temperature[b], seed: seed[b] })).reply;
    t.same(reply.samples[b], alone.samples);
    t.same(reply.indices[b], alone.indices);
  }
});

t.test('every legal spelling of a seed is accepted, and equal seeds agree', async (t) => {
  const samples = async (seed: unknown) => (await service.sample({ logits: [0, 0, 0, 0], seed })).reply.samples;
  t.same(await samples(0), await samples('0'));
  t.same(await samples(2 ** 53 - 1), await samples('9007199254740991'));
  t.notSame(await samples(1), await samples('4294967297'), 'the high word counts');
  t.notSame(await samples('18446744073709551615'), await samples('18446744073709551614'));
});

t.test('extreme logits and temperatures draw without NaN', async (t) => {
  for (const temperature of [1e-6, 1e-3, 1, 1e6]) {
    const { status, reply } = await service.sample({
      logits: [
        [3.4e38, -3.4e38, 0],
        [1e-45, -1e-45, 0],
        [1e30, 1e30, null],
      ],
      temperature,
      seed: 1,
    });
    t.equal(status, 200);
    for (const value of (reply.samples as number[][]).flat()) t.ok(value >= 0 && value <= 1);
    t.equal(reply.indices[0], 0);
  }
});

t.test('the last rows and samples of the counters can be drawn', async (t) => {
  const { status } = await service.sample({
    logits: [1, 2],
    row_offset: 2 ** 32 - 1,
    sample_offset: 2 ** 32 - 2,
    num_samples: 2,
  });
  t.equal(status, 200);
});

t.test('a large reply is printed in slices and is the same as the small replies it is made of', async (t) => {
  const logits = Array.from({ length: 1000 }, (_, k) => (k % 7) / 4);
  const large = (await service.sample({ logits, num_samples: 200, seed: 9 })).reply;
  t.equal((large.samples as number[][]).length, 200);
  const { reply } = await service.sample({ logits, num_samples: 1, sample_offset: 150, seed: 9 });
  t.same(large.samples[150], reply.samples[0]);
});
