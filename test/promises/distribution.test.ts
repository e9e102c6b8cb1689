/**
 * Promise 2: what is drawn follows the law. Seeds are fixed, so each test gives the same statistic in every run; the
 * thresholds are the 99.9 % quantiles a correct sampler would pass with one seed in a thousand failing.
 */
import t from 'tap';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';

const sampler = await createSampler({
  provider: testProvider,
  workers: 1,
  categoriesMax: 2000,
  elementsDrawnMax: 2 ** 40,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  queueElementsMax: 1e10,
  queueRequestsMax: 100,
  watchdogMs: 60_000,
  onWorkerLost: (error) => t.error(error),
  onStuck: () => t.fail('a worker is stuck'),
});
t.teardown(sampler.close);

const indicesOnly = new Set(['indices'] as const);

function softmax(logits: readonly number[]): number[] {
  const weights = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

async function counts(logits: readonly number[], samples: number, seed: number): Promise<number[]> {
  const { indices } = await sampler.draw(
    makeJob({ categories: logits.length, logits: Float32Array.from(logits), samples, seed, outputs: indicesOnly }),
  );
  const result = logits.map(() => 0);
  for (const index of indices ?? []) result[index] += 1;
  return result;
}

t.test('how often each category wins follows softmax(logits), by chi-square', async (t) => {
  /** 99.9 % quantiles of chi-square by degrees of freedom (Abramowitz and Stegun, table 26.8). */
  const quantiles: Readonly<Record<number, number>> = { 1: 10.828, 2: 13.816, 4: 18.467, 6: 22.458, 9: 27.877 };
  const samples = 1_000_000;
  for (const [seed, logits] of [
    [1, [0, 0]],
    [2, [Math.log(0.7), Math.log(0.3)]],
    [3, [1e7, 1e7]],
    [4, [1, 0.5, -1]],
    [5, [3, 2, 1, 0, -1]],
    [6, [-50, -50, -50, -50, -51, -52, -53]],
    [7, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]],
  ] as const) {
    const expected = softmax(logits).map((p) => p * samples);
    const observed = await counts(logits, samples, seed);
    const statistic = expected.reduce((sum, e, k) => sum + (observed[k] - e) ** 2 / e, 0);
    const bound = quantiles[logits.length - 1];
    t.ok(statistic < bound, `logits ${logits}: chi-square ${statistic.toFixed(2)} < ${bound}`);
  }
});

t.test('neighbouring rows, samples and seeds are independent, by chi-square on pairs', async (t) => {
  const pairs = 200_000;
  const indicesOf = async (rows: number, samples: number, seed: number) =>
    (await sampler.draw(makeJob({ rows, samples, categories: 3, seed, outputs: indicesOnly }))).indices as Int32Array;
  const byRows = await indicesOf(2 * pairs, 1, 1);
  const bySamples = await indicesOf(1, 2 * pairs, 2);
  const [seed3, seed4] = [await indicesOf(1, pairs, 3), await indicesOf(1, pairs, 4)];
  const tables: [string, (at: number) => number][] = [
    ['rows', (at) => 3 * byRows[2 * at] + byRows[2 * at + 1]],
    ['samples', (at) => 3 * bySamples[2 * at] + bySamples[2 * at + 1]],
    ['seeds', (at) => 3 * seed3[at] + seed4[at]],
  ];
  for (const [name, cellOf] of tables) {
    const cells = Array(9).fill(0);
    for (let at = 0; at < pairs; at++) cells[cellOf(at)] += 1;
    const statistic = cells.reduce((sum, count) => sum + (count - pairs / 9) ** 2 / (pairs / 9), 0);
    // 8 degrees of freedom: the probabilities of all nine cells are known.
    t.ok(statistic < 26.124, `${name}: chi-square ${statistic.toFixed(2)} < 26.124`);
  }
});

t.test(
  'for two categories the logit of a soft sample is (l_1 - l_2 + Logistic) / tau, by Kolmogorov-Smirnov',
  async (t) => {
    const samples = 200_000;
    for (const [seed, difference, tau] of [
      [1, 0, 1],
      [2, 0.7, 2],
      [3, -1.5, 0.8],
    ] as const) {
      const { samples: drawn } = await sampler.draw(
        makeJob({
          categories: 2,
          logits: Float32Array.of(difference, 0),
          temperature: Float32Array.of(tau),
          samples,
          seed,
          outputs: new Set(['samples'] as const),
        }),
      );
      const values = Float64Array.from({ length: samples }, (_, at) => {
        const logit = Math.log((drawn as Float32Array)[2 * at]) - Math.log((drawn as Float32Array)[2 * at + 1]);
        return 1 / (1 + Math.exp(difference - tau * logit));
      }).sort();
      const distance = values.reduce((max, u, at) => Math.max(max, (at + 1) / samples - u, u - at / samples), 0);
      // 1.949 / sqrt(n) is the asymptotic 99.9 % quantile of the two-sided statistic.
      const bound = 1.949 / Math.sqrt(samples);
      t.ok(distance < bound, `difference ${difference}, tau ${tau}: D ${distance.toFixed(5)} < ${bound.toFixed(5)}`);
    }
  },
);

t.test('rare categories are drawn as often as they should be: 4 x 10^8 chances of probability 1e-7', async (t) => {
  // One common category beside 1000 rare ones, each of probability close to 1e-7, in 400,000 draws. Wins of the rare
  // ones together are Poisson with mean 40.0 up to 1e-4; below 16 or above 67 has probability 4e-5 (four standard
  // deviations). The gap is 16.1: noise from 24-bit uniforms ends at 16.6 and could not reach most of these wins.
  const rare = 1000;
  const samples = 400_000;
  const gap = Math.log((1 - rare * 1e-7) / 1e-7);
  const observed = await counts([gap, ...Array(rare).fill(0)], samples, 1);
  const wins = samples - observed[0];
  t.ok(wins >= 16 && wins <= 67, `${wins} wins where ${(samples * rare * 1e-7).toFixed(1)} are expected`);
});
