/**
 * Soft samples and log-samples against 60-digit arithmetic, at every length of row up to the longest that the service
 * takes: what the exponential, the sum and the quotient do to them. Without noise, so that z is known.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';
import { startService } from '../support/service.js';

interface Case {
  readonly temperature: number;
  /** Logits, and how many categories have each, one after another. */
  readonly runs: readonly (readonly [logit: number, count: number])[];
  /** Of the categories of each run. */
  readonly samples: readonly number[];
  readonly log_samples: readonly number[];
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/softmax_mpmath.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const sampler = await createSampler({
  provider: testProvider,
  workers: 1,
  categoriesMax: 2 ** 20,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  elementsDrawnMax: 1e12,
  queueElementsMax: 1e9,
  watchdogMs: 600_000,
  onStuck: () => {
    throw new Error('A worker is stuck.');
  },
  queueRequestsMax: 1e4,
  onWorkerLost: (error: Error) => t.error(error),
});
t.teardown(() => sampler.close());

/** The promise for soft samples: the difference to the exact one, and that of the sum of a row to 1. */
const tolerance = 1e-6;

function logitsOf(runs: Case['runs']): Float32Array {
  return Float32Array.from(runs.flatMap(([logit, count]) => new Array<number>(count).fill(logit)));
}

async function draw({ runs, temperature }: Case, outputs: readonly ('samples' | 'logSamples' | 'logProb')[]) {
  const logits = logitsOf(runs);
  const job = makeJob({
    categories: logits.length,
    logits,
    temperature: Float32Array.of(temperature),
    gumbel: false,
    outputs: new Set(outputs),
  });
  return sampler.draw(job);
}

t.test('a soft sample is within 1e-6 of the exact one and a row sums to 1 within 1e-6, at every K', async (t) => {
  for (const given of cases) {
    const { samples = new Float32Array(0) } = await draw(given, ['samples']);
    let worst = 0;
    let first = 0;
    for (const [run, [, count]] of given.runs.entries()) {
      for (const value of samples.subarray(first, first + count)) {
        worst = Math.max(worst, Math.abs(value - given.samples[run]));
      }
      first += count;
    }
    const total = samples.reduce((sum, value) => sum + value, 0);
    t.ok(
      worst <= tolerance,
      `K = ${samples.length}, tau = ${given.temperature}: largest error ${worst.toExponential(1)}`,
    );
    t.ok(Math.abs(total - 1) <= tolerance, `sum 1 + ${(total - 1).toExponential(1)}`);
  }
});

t.test(
  'a log-sample is the exact one rounded to float32, also where logits are as far apart as float32 allows',
  async (t) => {
    for (const given of cases) {
      const { logSamples = new Float32Array(0) } = await draw(given, ['logSamples']);
      let first = 0;
      for (const [run, [, count]] of given.runs.entries()) {
        const exact = given.log_samples[run];
        const own = logSamples.subarray(first, first + count);
        // Half a unit of float32, and what float64 loses before: 4 ln K + 8 and 4 |log y| units of 2^-53, far below
        // 2^-49 (|log y| + 8).
        const bound = 2 ** -24 * Math.abs(exact) + 2 ** -49 * (Math.abs(exact) + 8);
        const wrong = own.findIndex((value) => !(Math.abs(value - exact) <= bound));
        t.equal(wrong, -1, `K = ${logSamples.length}: ${own[Math.max(0, wrong)]} for ${exact}`);
        first += count;
      }
    }
  },
);

t.test('the log-density of a draw is that of the point that is returned, also at the float32 limit', async (t) => {
  const service = await startService();
  t.teardown(service.close);
  for (const [logits, temperature] of [
    [[0, -1e33], 1e-6],
    [[3.4028234e38, -3.4028234e38, 0], 1e6],
    [[1, 0.5, -1], 0.01],
  ] as const) {
    const body = { logits, temperature, noise: 'none', return: ['log_samples', 'log_prob'] };
    const { reply } = await service.sample(body);
    t.equal(Math.min(...(reply.log_samples as number[])) >= -3.4028235e38, true);
    const again = await service.post('/log-prob', { logits, temperature, log_samples: reply.log_samples });
    t.equal(again.reply.log_prob, reply.log_prob);
  }
});

t.test('what is drawn is accepted back as a point of the simplex', async (t) => {
  const service = await startService();
  t.teardown(service.close);
  // Every sample is positive here: 16.6 and 5 are far from the 87 at which float32 underflows.
  for (const categories of [2, 17, 1000, 4096, 50_257]) {
    const logits = [16.636, ...new Array<number>(categories - 1).fill(0)];
    for (const noise of ['none', 'gumbel']) {
      const { reply } = await service.sample({ logits, temperature: 1, noise, seed: 3, return: ['samples'] });
      const back = await service.post('/log-prob', { logits, temperature: 1, samples: reply.samples });
      t.equal(back.status, 200, `K = ${categories}, noise ${noise}`);
    }
  }
});
