/** Soft, hard, indices, top_indices, log_samples and gradients of one seed all come from one z. */
import fc from 'fast-check';
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const row = fc
  .integer({ min: 2, max: 40 })
  .chain((categories) =>
    fc.array(fc.option(fc.double({ min: -30, max: 30, noNaN: true }), { freq: 6 }), {
      minLength: categories,
      maxLength: categories,
    }),
  )
  .filter((logits) => logits.some((logit) => logit !== null));

const anyDraw = fc.record({
  logits: row,
  temperature: fc.constantFrom(0.05, 0.3, 1, 7),
  seed: fc.bigInt(0n, 2n ** 64n - 1n).map(String),
  num_samples: fc.integer({ min: 1, max: 4 }),
});

t.test('every output of a seed agrees with the others', async (t) => {
  const property = fc.asyncProperty(anyDraw, async (draw) => {
    const unmasked = draw.logits.filter((logit) => logit !== null).length;
    const names = ['samples', 'indices', 'log_samples'];
    const soft = (await service.sample({ ...draw, top_k: unmasked, return: names })).reply as unknown as Outputs;
    const hard = (await service.sample({ ...draw, hard: true })).reply as unknown as Outputs;
    if (JSON.stringify(hard.indices) !== JSON.stringify(soft.indices)) return false;
    return soft.samples.every((sample, s) => {
      const index = soft.indices[s];
      const logSamples = soft.log_samples[s];
      const oneHot = sample.map((_, k) => (k === index ? 1 : 0));
      return (
        sample[index] === Math.max(...sample) &&
        soft.top_indices[s]?.[0] === index &&
        soft.top_indices[s]?.length === new Set(soft.top_indices[s]).size &&
        soft.top_indices[s]?.every((k) => draw.logits[k] !== null) &&
        JSON.stringify(hard.samples[s]) === JSON.stringify(oneHot) &&
        sample.every((y, k) => agrees(y, logSamples[k], draw.temperature))
      );
    });
  });
  await fc.assert(property, { seed: 4, numRuns: 150 });
  t.pass('150 random draws');
});

interface Outputs {
  samples: number[][];
  indices: number[];
  top_indices: number[][];
  log_samples: (number | null)[][];
}

/**
 * exp(log_sample) against the soft sample. The graph's scaled logit x is off by 3 * 2^-24 |x| (two roundings and that
 * of 1 / tau), its exponential and sum by some 2^-21 for 40 terms; log_sample is rounded to float32, 2^-24 |x|. Below
 * the smallest normal float32 the sample is 0. A masked one is 0 and null.
 */
function agrees(y: number, logY: number | null, temperature: number): boolean {
  if (logY === null) return y === 0;
  const expected = Math.exp(logY);
  if (y === 0) return expected <= 2 ** -126 * (1 + 1e-4);
  const scaled = Math.abs(logY) + 1 / temperature;
  return Math.abs(y - expected) <= expected * (5 * scaled * 2 ** -24 + 2 ** -20);
}

t.test('top_k of more than the unmasked categories is 422, and so are 0, 1.5 and text', async (t) => {
  for (const top_k of [3, 0, 1.5, '1', 100]) {
    const { status, reply } = await service.sample({
      logits: [
        [1, 2, 3],
        [1, null, 3],
      ],
      top_k,
    });
    t.equal(status, 422, String(top_k));
    t.equal(reply.type, '/problems/validation');
    t.equal(reply.errors[0]?.pointer, '/top_k');
  }
  const { reply } = await service.sample({ logits: [3.4e38, -3.4e38, null], top_k: 2, seed: 1 });
  t.same(reply.top_indices, [0, 1], 'the extremes of float32 are drawn in order');
});

t.test('top_indices have the shape of samples with top_k for K', async (t) => {
  const logits = [
    [1, 2, 3],
    [3, 2, 1],
  ];
  const shapeOf = (value: unknown): number[] => (Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : []);
  t.same(shapeOf((await service.sample({ logits, top_k: 2 })).reply.top_indices), [2, 2]);
  t.same(shapeOf((await service.sample({ logits, top_k: 1, num_samples: 4 })).reply.top_indices), [4, 2, 1]);
  t.same(shapeOf((await service.sample({ logits: [1, 2], top_k: 2 })).reply.top_indices), [2]);
});

t.test('a schedule draws as its temperature does, and the reply says which that is', async (t) => {
  // Jang et al. 2016: max(0.5, exp(-1e-4 * 3000)) = exp(-0.3) = 0.7408182206817179.
  const temperature = { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 1e-4, step: 3000 };
  const { reply } = await service.sample({ logits: [1, 2], temperature, seed: 1 });
  t.equal(reply.temperature, 0.7408182, 'rounded to float32');
  t.same(reply, (await service.sample({ logits: [1, 2], temperature: 0.7408182206817179, seed: 1 })).reply);
});

t.test('a bad schedule is 422 at its field', async (t) => {
  const good = { schedule: 'cosine', initial: 1, minimum: 0.5, steps: 10, step: 0 };
  for (const [change, code, pointer] of [
    [{ schedule: 'step' }, 'validation', '/temperature/schedule'],
    [{ initial: 0 }, 'temperature-out-of-range', '/temperature/initial'],
    [{ minimum: 2 }, 'validation', '/temperature/minimum'],
    [{ steps: 0 }, 'validation', '/temperature/steps'],
    [{ step: -1 }, 'validation', '/temperature/step'],
    [{ rate: 1 }, 'validation', '/temperature/rate'],
  ] as const) {
    const { status, reply } = await service.sample({ logits: [1, 2], temperature: { ...good, ...change } });
    t.equal(status, 422);
    t.equal(reply.type, `/problems/${code}`);
    t.equal(reply.errors[0]?.pointer, pointer);
  }
});
