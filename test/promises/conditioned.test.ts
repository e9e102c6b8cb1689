/**
 * Noise given the index has the law of noise whose argmax is that index. Seeds are fixed, so each test gives the same
 * statistic in every run; thresholds are 99.9 % quantiles.
 */
import t from 'tap';
import type { JobResult, SampleJob } from '../../src/sampler/job.js';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';

const sampler = await createSampler({
  provider: testProvider,
  workers: 1,
  categoriesMax: 2 ** 17,
  elementsDrawnMax: 2 ** 40,
  queueElementsMax: 1e10,
  watchdogMs: 60_000,
  onWorkerLost: (error) => t.error(error),
  onStuck: () => t.fail('a worker is stuck'),
});
t.teardown(sampler.close);

const outputs = new Set(['indices', 'noise'] as const);

/** Noise, by category, of `samples` draws of one row; of those alone whose index is `kept`, if it is given. */
async function noiseOf(fields: Partial<SampleJob>, logits: readonly number[], kept?: number): Promise<Float64Array[]> {
  const categories = logits.length;
  const job = makeJob({ categories, logits: Float32Array.from(logits), outputs, ...fields });
  const { indices, noise } = (await sampler.draw(job)) as Required<JobResult>;
  const chosen = Array.from(indices.keys()).filter((draw) => kept === undefined || indices[draw] === kept);
  return logits.map((_, k) => Float64Array.from(chosen, (draw) => noise[draw * categories + k]));
}

/** The largest distance between two empirical distribution functions, over its 99.9 % quantile. */
function twoSampleKs(first: Float64Array, second: Float64Array): number {
  const [a, b] = [first.toSorted(), second.toSorted()];
  let [i, j, distance] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i], b[j]);
    while (i < a.length && a[i] === value) i++;
    while (j < b.length && b[j] === value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  // 1.949 is the asymptotic quantile.
  return distance / (1.949 * Math.sqrt(1 / a.length + 1 / b.length));
}

/** The same between values and a distribution function. */
function ks(values: Float64Array, law: (value: number) => number): number {
  const n = values.length;
  const distance = values
    .toSorted()
    .reduce((most, value, at) => Math.max(most, (at + 1) / n - law(value), law(value) - at / n), 0);
  return distance / (1.949 / Math.sqrt(n));
}

t.test('it is distributed as the noise that rejection keeps, by Kolmogorov-Smirnov', async (t) => {
  const logits = [1, 0.5, -1];
  for (const [k, samples] of [
    [0, 100_000],
    [1, 150_000],
    [2, 700_000],
  ] as const) {
    const kept = await noiseOf({ samples, seed: 11 + k } as Partial<SampleJob>, logits, k);
    const given = Int32Array.of(k);
    const conditioned = await noiseOf({ kind: 'conditioned', given, samples: 50_000, seed: 21 + k } as never, logits);
    t.ok(kept[0].length > 40_000, `${kept[0].length} draws are kept`);
    for (const [j, values] of conditioned.entries()) {
      const share = twoSampleKs(values, kept[j]);
      t.ok(share < 1, `index ${k}, noise of category ${j}: ${share.toFixed(2)} of the bound`);
    }
    // How far the winner is ahead: a function of all noise together.
    const lead = (noise: Float64Array[]) =>
      noise[0].map((_, draw) => {
        const z = noise.map((own, j) => own[draw] + logits[j]);
        return z[k] - Math.max(...z.filter((_, j) => j !== k));
      });
    const share = twoSampleKs(lead(conditioned), lead(kept));
    t.ok(share < 1, `index ${k}, lead of the winner: ${share.toFixed(2)} of the bound`);
  }
});

t.test('mixed over softmax(logits) it is Gumbel noise again, independent by category', async (t) => {
  const rows = 200_000;
  const logits = [2, 0.3, -1, 0.3];
  const tiled = Float32Array.from({ length: rows * 4 }, (_, at) => logits[at % 4]);
  const size = { rows, categories: 4, logits: tiled, outputs };
  const { indices } = (await sampler.draw(makeJob({ ...size, seed: 31 }))) as Required<JobResult>;
  const job = makeJob({ ...size, seed: 32, kind: 'conditioned', given: indices });
  const { noise } = (await sampler.draw(job)) as Required<JobResult>;
  const of = (k: number) => Float64Array.from({ length: rows }, (_, row) => noise[4 * row + k]);
  for (let k = 0; k < 4; k++) {
    const share = ks(of(k), (g) => Math.exp(-Math.exp(-g)));
    t.ok(share < 1, `category ${k}: ${share.toFixed(2)} of the bound`);
  }
  for (const [i, j] of [
    [0, 1],
    [1, 2],
    [0, 3],
    [2, 3],
  ] as const) {
    // The difference of independent Gumbel variables is logistic; so is not that of dependent ones.
    const others = of(j);
    const share = ks(
      of(i).map((value, row) => value - others[row]),
      (x) => 1 / (1 + Math.exp(-x)),
    );
    t.ok(share < 1, `categories ${i} and ${j}: ${share.toFixed(2)} of the bound`);
  }
});

t.test('every output has the given index, and samples are largest there', async (t) => {
  const all = new Set(['samples', 'indices', 'noise', 'logSamples'] as const);
  const [rows, categories, samples] = [7, 33, 5];
  const logits = Float32Array.from({ length: rows * categories }, (_, at) => {
    const value = [1e9, -1e9, 3.4e38, -3.4e38, Number.NEGATIVE_INFINITY][(at * 7) % 23] ?? Math.sin(at);
    return at % categories === 0 ? 0.5 : value;
  });
  const given = Int32Array.from({ length: rows }, (_, row) => {
    const own = logits.subarray(row * categories, (row + 1) * categories);
    const unmasked = Array.from(own.keys()).filter((k) => own[k] !== -Infinity);
    return unmasked[(row * 11) % unmasked.length];
  });
  for (const temperature of [1e-6, 0.5, 1e6].map(Math.fround)) {
    const job = makeJob({ rows, categories, samples, logits, given, kind: 'conditioned', outputs: all, seed: 41 });
    const temperatures = new Float32Array(rows).fill(temperature);
    const drawn = (await sampler.draw({ ...job, temperature: temperatures })) as Required<JobResult>;
    const hard = (await sampler.draw({ ...job, temperature: temperatures, hard: true })) as Required<JobResult>;
    for (let draw = 0; draw < rows * samples; draw++) {
      const index = given[draw % rows];
      const part = <Values extends Float32Array>(values: Values) =>
        values.subarray(draw * categories, (draw + 1) * categories);
      const soft = part(drawn.samples);
      t.equal(drawn.indices[draw], index);
      t.ok(soft.every((value) => value <= soft[index] && value >= 0));
      t.ok(part(hard.samples).every((value, k) => value === Number(k === index)));
      t.ok(part(drawn.noise).every(Number.isFinite));
      t.ok(part(drawn.logSamples).every((value) => value <= 0));
    }
  }
});
