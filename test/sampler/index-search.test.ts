// Draws that need only their index have the index and the one-hot samples of draws that return noise, too: alone, in
// any batch, in parts, and whatever shares a tile with them.

import fc from 'fast-check';
import t from 'tap';
import { isSearched } from '../../src/sampler/index-search.js';
import type { Batch, BatchResult, Job, JobResult, SampleJob } from '../../src/sampler/job.js';
import { outputNames } from '../../src/sampler/outputs.js';
import { pack, scatter } from '../../src/sampler/queue/pack.js';
import { openDrawer } from '../../src/sampler/worker/drawer.js';
import { makeJob } from '../support/jobs.js';

const settings = { provider: 'cpu', categoriesMax: 4096, batchElementsMax: 2 ** 20 } as const;

type Draw = (batch: Batch) => Promise<BatchResult>;

async function drawTogether(draw: Draw, jobs: readonly Job[]): Promise<JobResult[]> {
  const parts = jobs.map((job) => ({ job, rowStart: 0, rowCount: job.rows, sampleStart: 0, sampleCount: job.samples }));
  return scatter(parts, await draw(pack(parts)));
}

/** Each combination of outputs, with what it is searched for. */
const combinations = [
  { outputs: ['indices'], hard: false, searched: true },
  { outputs: ['samples', 'indices'], hard: true, searched: true },
  { outputs: ['indices', 'indexLogProb'], hard: false, searched: true },
  { outputs: ['indexLogProb', 'samples'], hard: true, searched: true },
  { outputs: ['samples', 'indices'], hard: false, searched: false },
  { outputs: ['noise', 'indices'], hard: false, searched: false },
  { outputs: ['topIndices', 'indices'], hard: false, searched: false },
] as const;

const job = fc
  .record({
    combination: fc.constantFrom(...combinations),
    rows: fc.integer({ min: 1, max: 3 }),
    samples: fc.integer({ min: 1, max: 40 }),
    firstSample: fc.nat({ max: 100 }),
    seed: fc.nat({ max: 1000 }),
    spread: fc.constantFrom(0, 1, 30),
  })
  .map((fields) => (categories: number): SampleJob => {
    const { combination, rows, samples, firstSample, seed, spread } = fields;
    const logits = Float32Array.from({ length: rows * categories }, (_, at) => Math.sin(at * 7 + seed) * spread);
    for (let at = 3; at < logits.length; at += 11) logits[at] = Number.NEGATIVE_INFINITY;
    const { outputs, hard } = combination;
    const topK = (outputs as readonly string[]).includes('topIndices') ? 2 : 0;
    return makeJob({ rows, categories, samples, firstSample, seed, logits, topK, hard, outputs: new Set(outputs) });
  });

t.test('Jobs of any outputs in one batch have the indices that each has alone with its noise', async (t) => {
  const drawer = await openDrawer(settings);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(100, 127, 128, 129, 1000, 1025, 4096),
      fc.array(job, { minLength: 1, maxLength: 6 }),
      async (categories, makers) => {
        const jobs = makers.map((make) => make(categories));
        const results = await drawTogether(drawer.draw, jobs);
        for (const [at, { samples: sampled, indices, indexLogProb }] of results.entries()) {
          const job = jobs[at] as SampleJob;
          const all = { ...job, outputs: new Set([...job.outputs, 'noise', 'indices'] as const) };
          const [alone] = await drawTogether(drawer.draw, [all]);
          t.equal(isSearched(all, all.outputs), false);
          for (const [got, wanted] of [
            [sampled, alone.samples],
            [indices, alone.indices],
            [indexLogProb, alone.indexLogProb],
          ]) {
            if (got !== undefined && !Buffer.from(got.buffer, got.byteOffset, got.byteLength).equals(bytesOf(wanted))) {
              return false;
            }
          }
        }
        return true;
      },
    ),
    { numRuns: 60, seed: 27 },
  );
});

function bytesOf(values: ArrayBufferView | undefined): Buffer {
  return values === undefined ? Buffer.alloc(0) : Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

t.test('Only draws of long rows that need their index alone are searched', (t) => {
  for (const { outputs, hard, searched } of combinations) {
    const draw = (fields: Partial<SampleJob>) =>
      makeJob({ categories: 128, hard, outputs: new Set(outputs), ...fields });
    const is = (fields: Partial<SampleJob>) => isSearched(draw(fields), draw(fields).outputs);
    const name = `${outputs}, hard: ${hard}`;
    t.equal(is({}), searched, name);
    t.equal(is({ categories: 127 }), false, `${name}, short rows`);
    t.equal(is({ gumbel: false }), false, `${name}, without noise`);
    t.equal(is({ kind: 'conditioned' }), false, `${name}, given indices`);
  }
  const named = outputNames.filter((name) => isSearched(makeJob({ categories: 128 }), [name]));
  t.same(named, ['indices', 'indexLogProb'], 'each output alone, of a soft draw');
  t.end();
});
