/**
 * top_k draws without replacement: each place from softmax over the categories that are left, as exactly as the first,
 * also beside logits that leave no room for noise in a float32. Seeds are fixed; thresholds are the 99.9 % quantiles of
 * chi-square (Abramowitz and Stegun, table 26.8; those above 30 degrees of freedom are not needed).
 */
import t from 'tap';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';

const sampler = await createSampler({
  provider: testProvider,
  workers: 1,
  categoriesMax: 2000,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  elementsDrawnMax: 1e12,
  queueElementsMax: 1e10,
  queueRequestsMax: 100,
  watchdogMs: 60_000,
  onWorkerLost: (error) => t.error(error),
  onStuck: () => t.fail('a worker is stuck'),
});
t.teardown(sampler.close);

const quantiles: Readonly<Record<number, number>> = { 1: 10.828, 2: 13.816, 5: 20.515, 11: 31.264, 23: 49.728 };
const samples = 120_000;

/**
 * The orders of k of the categories with their probabilities: Plackett-Luce over weights of which the largest has been
 * taken out.
 */
function orders(weights: readonly number[], k: number, taken: readonly number[] = [], p = 1): [number[], number][] {
  if (taken.length === k) return [[[...taken], p]];
  const left = weights.map((weight, index) => (taken.includes(index) ? 0 : weight));
  const total = left.reduce((a, b) => a + b, 0);
  return left.flatMap((weight, index) =>
    weight === 0 ? [] : orders(weights, k, [...taken, index], (p * weight) / total),
  );
}

/** chi-square of the orders of the places from `from` on, which stand in for the `expected` ones. */
async function statistic(logits: readonly number[], topK: number, seed: number, expected: [number[], number][]) {
  const { topIndices = new Int32Array(0), indices = new Int32Array(0) } = await sampler.draw(
    makeJob({
      categories: logits.length,
      logits: Float32Array.from(logits),
      samples,
      seed,
      topK,
      outputs: new Set(['topIndices', 'indices'] as const),
    }),
  );
  const counts = new Map(expected.map(([order]) => [order.join(), 0]));
  for (let sample = 0; sample < samples; sample++) {
    const own = topIndices.subarray(sample * topK, (sample + 1) * topK);
    if (own[0] !== indices[sample]) throw new Error('The first place is not the index.');
    const order = own.join();
    counts.set(order, (counts.get(order) ?? Number.NaN) + 1);
  }
  let sum = 0;
  for (const [order, p] of expected) sum += ((counts.get(order.join()) as number) - samples * p) ** 2 / (samples * p);
  // An order that cannot be makes one more entry.
  return counts.size === expected.length ? sum : Number.POSITIVE_INFINITY;
}

t.test('beside a dominating logit the other places are drawn as if it were not there', async (t) => {
  const rest = [0, 0.5, -1];
  const weights = rest.map(Math.exp);
  for (const [at, X] of [1e3, 1e5, 1e6, 1e7, 1e8, 1e9, 1e12, 1e20, 1e30, 3.4e38].entries()) {
    for (const topK of [2, 3, 4]) {
      const after = orders(weights, topK - 1).map(([order, p]): [number[], number] => [
        [0, ...order.map((index) => index + 1)],
        p,
      ]);
      const found = await statistic([X, ...rest], topK, 40 + at, after);
      const quantile = quantiles[after.length - 1];
      t.ok(found < quantile, `X = ${X}, top_k ${topK}: chi-square ${found.toFixed(2)} < ${quantile}`);
    }
  }
});

t.test('behind a soft mask the masked are drawn alike', async (t) => {
  for (const mask of [-1e3, -1e7, -1e9, -1e30, -3.4e38]) {
    const after = orders([1, 1, 1], 3).map(([order, p]): [number[], number] => [
      [0, ...order.map((index) => index + 1)],
      p,
    ]);
    const found = await statistic([0, mask, mask, mask], 4, 60, after);
    t.ok(found < 20.515, `mask ${mask}: chi-square ${found.toFixed(2)} < 20.515`);
  }
});

t.test('several dominating logits are drawn first, then the others', async (t) => {
  // Two of 1e8, then two of 0: each pair in either order.
  const expected = [
    [0, 1, 2, 3],
    [1, 0, 2, 3],
    [0, 1, 3, 2],
    [1, 0, 3, 2],
  ].map((order): [number[], number] => [order, 1 / 4]);
  const found = await statistic([1e8, 1e8, 0, 0], 4, 70, expected);
  t.ok(found < 16.266, `chi-square ${found.toFixed(2)} < 16.266`);
});

t.test('ordinary logits are drawn in the order of Plackett and Luce', async (t) => {
  const logits = [1, 0.5, -1, 0.2];
  for (const [topK, degrees] of [
    [2, 11],
    [4, 23],
  ] as const) {
    const expected = orders(logits.map(Math.exp), topK);
    const found = await statistic(logits, topK, 80, expected);
    t.ok(found < quantiles[degrees], `top_k ${topK}: chi-square ${found.toFixed(2)}`);
  }
});
