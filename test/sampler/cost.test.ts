/** The cost model: what it adds up to, and that no part of any job is above a batch but a single row. */
import fc from 'fast-check';
import t from 'tap';
import {
  drawsWithin,
  jobUnits,
  partUnits,
  unitsOfDraws,
  unitsPerDrawOf,
  weightedDraw,
  weights,
} from '../../src/sampler/cost.js';
import { type Job, kinds, unlimitedTerms } from '../../src/sampler/job.js';
import { outputNames } from '../../src/sampler/outputs.js';
import { DrawQueue } from '../../src/sampler/queue/queue.js';
import { QueueEntry } from '../../src/sampler/queue/queue-entry.js';
import { makeJob } from '../support/jobs.js';

/** The defaults of BATCH_ELEMENTS_MAX and GPU_BATCH_ELEMENTS_MAX. */
const batches = [2 ** 18, 2 ** 20];

const shapes = fc.record({
  kind: fc.constantFrom(...kinds),
  rows: fc.integer({ min: 1, max: 300 }),
  categories: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1000, 50_257, 2 ** 20)),
  samples: fc.integer({ min: 1, max: 100_000 }),
  hard: fc.boolean(),
  gumbel: fc.boolean(),
  keptShare: fc.double({ min: 0, max: 1, noNaN: true }),
  names: fc.uniqueArray(fc.constantFrom(...outputNames), { minLength: 1 }),
});

/** A job of a shape without its numbers, which cost nothing to look at. */
function shapeOf({
  names,
  keptShare,
  rows,
  categories,
  ...rest
}: typeof shapes extends fc.Arbitrary<infer S> ? S : never): Job {
  const isTop = names.some((name) => name.startsWith('top'));
  const topK = isTop ? Math.max(1, Math.floor(keptShare * categories)) : 0;
  return { ...makeJob({ ...rest, topK } as Partial<Job>), rows, categories, outputs: new Set(names) };
}

t.test('no part of any job costs more than a batch, unless it is one row', (t) => {
  const property = fc.property(shapes, fc.constantFrom(...batches), (shape, batchUnitsMax) => {
    const job = shapeOf(shape);
    const options = { batchUnitsMax, queueUnitsMax: 1e15, queueRequestsMax: 1e6, now: () => 0 };
    const queue = new DrawQueue<QueueEntry>(options);
    const entry = new QueueEntry(job, unlimitedTerms(), queue.callerOf({}), batchUnitsMax);
    queue.add(entry);
    // A few parts of a job show how it is cut; some have a hundred thousand.
    for (let count = 0; count < 50 && !queue.isEmpty; count++) {
      const { parts } = queue.take('all', () => false);
      for (const part of parts) {
        if (partUnits(part) > batchUnitsMax && part.rowCount * part.sampleCount > 1) return false;
      }
    }
    return true;
  });
  fc.assert(property, { seed: 1, numRuns: 500 });
  t.pass('500 random jobs');
  t.end();
});

t.test('a job costs what its draws cost, and more outputs never cost less', (t) => {
  const property = fc.property(shapes, (shape) => {
    const job = shapeOf(shape);
    const topK = 'topK' in job ? Math.max(1, job.topK) : 0;
    const all = { ...job, topK, outputs: new Set(outputNames) } as Job;
    return (
      jobUnits(job) === weights.job + job.rows * job.samples * unitsPerDrawOf(job) &&
      unitsPerDrawOf(all) >= unitsPerDrawOf(job)
    );
  });
  fc.assert(property, { seed: 2, numRuns: 500 });
  t.equal(unitsOfDraws(0, 5), 0);
  t.equal(drawsWithin(0, 5), 1, 'at least a row is taken');
  t.equal(unitsOfDraws(drawsWithin(10_000, 7), 7) <= 10_000, true);
  t.end();
});

t.test('a unit is about an element of noise that is added and compared, and what takes longer costs more', (t) => {
  const cost = (fields: Partial<Job>) => weightedDraw({ ...makeJob(fields), categories: 1024 }, weights) / 1024;
  const indices = cost({ outputs: new Set(['indices', 'noise'] as const) });
  // The weights are printed with three digits. What is above 1 is the copy of the noise.
  t.ok(Math.abs(indices - weights.noiseCopy[1] - 1) < 0.01, `${indices}`);
  t.ok(cost({ outputs: new Set(['indices'] as const) }) < indices / 2, 'an index alone is found without most of it');
  const logProb = cost({ outputs: new Set(['logProb'] as const) });
  t.ok(cost({}) > indices && logProb > cost({}), 'soft samples, and log-densities more');
  const topK = cost({ outputs: new Set(['topIndices'] as const), topK: 1024 });
  t.ok(topK > cost({ outputs: new Set(['topIndices'] as const), topK: 1 }), 'and top_k by how many are kept');
  t.end();
});
