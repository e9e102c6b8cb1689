/**
 * Promise 1: a sample is a pure function of noise version, seed, row, sample, category, logits and temperature. Bytes
 * are compared, not numbers: there is no tolerance.
 */
import fc from 'fast-check';
import t from 'tap';
import { nextTurn } from '../../src/runtime/event-loop-turns.js';
import { sumGradients } from '../../src/sampler/gradient.js';
import type { JobResult, SampleJob } from '../../src/sampler/job.js';
import { createSampler, type Sampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';

function open(workers: number, batchElementsMax: number): Promise<Sampler> {
  return createSampler({
    provider: testProvider,
    workers,
    categoriesMax: 60_000,
    elementsDrawnMax: 2 ** 40,
    batchElementsMax,
    gpuBatchElementsMax: Math.max(1024, batchElementsMax),
    queueElementsMax: 1e9,
    queueRequestsMax: 1e5,
    watchdogMs: 60_000,
    onWorkerLost: (error) => t.error(error),
    onStuck: () => t.fail('a worker is stuck'),
  });
}

/** One worker and whole batches; two workers and batches so small that everything is split. */
const one = await open(1, 2 ** 18);
const two = await open(2, 64);
t.teardown(async () => {
  await one.close();
  await two.close();
});

const outputs = new Set(['samples', 'indices', 'noise'] as const);
const topOutputs = ['topIndices', 'topScores', 'topThreshold', 'topLogProb'] as const;

/** The job that draws row `row` and sample `sample` of `job` and nothing else. */
function single(job: SampleJob, row: number, sample: number): SampleJob {
  const { categories } = job;
  return {
    ...job,
    rows: 1,
    samples: 1,
    logits: job.logits.slice(row * categories, (row + 1) * categories),
    temperature: job.temperature.slice(row, row + 1),
    streams: job.streams.slice(3 * row, 3 * row + 3),
    firstSample: job.firstSample + sample,
  };
}

/** The bytes of draws [from, to) of a result; a draw is a row of a sample. */
function bytes({ samples, indices, noise }: JobResult, categories: number, from: number, to: number): Buffer {
  const parts = [
    samples?.slice(from * categories, to * categories),
    indices?.slice(from, to),
    noise?.slice(from * categories, to * categories),
  ];
  return Buffer.concat(parts.map((part) => Buffer.from(part?.buffer ?? new ArrayBuffer(0))));
}

const logit = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: -20, max: 20, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, 0, 1e7, -3.4e38, 3.4e38) },
);

const anyJob = fc
  .record({
    rows: fc.integer({ min: 1, max: 6 }),
    categories: fc.constantFrom(1, 2, 3, 5, 10, 16, 17, 33, 100),
    samples: fc.integer({ min: 1, max: 4 }),
    firstSample: fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 4),
    hard: fc.boolean(),
    gumbel: fc.boolean(),
  })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      logits: fc.array(logit, { minLength: shape.rows * shape.categories, maxLength: shape.rows * shape.categories }),
      temperature: fc.array(fc.constantFrom(1e-6, 0.05, 0.5, 1, 10, 1e6), {
        minLength: shape.rows,
        maxLength: shape.rows,
      }),
      seeds: fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { minLength: shape.rows, maxLength: shape.rows }),
    }),
  )
  .map(({ shape, logits, temperature, seeds }) => {
    const row = Float32Array.from(logits, (value) => (Math.abs(value) < 2 ** -100 ? 0 : value));
    for (let at = 0; at < row.length; at += shape.categories) {
      if (!Number.isFinite(row[at])) row[at] = 1;
    }
    const streams = Uint32Array.from(
      seeds.flatMap((seed, index) => [Number(seed & 0xffffffffn), Number(seed >> 32n), index]),
    );
    return makeJob({ ...shape, logits: row, temperature: Float32Array.from(temperature), streams, outputs });
  });

t.test('each draw alone, in any batch, in any order, split, with 1 and 2 workers: the same bytes', async (t) => {
  const property = fc.asyncProperty(fc.array(anyJob, { minLength: 1, maxLength: 8 }), async (jobs) => {
    const together = await Promise.all(jobs.map((job) => one.draw(job)));
    const reversed = (await Promise.all(jobs.toReversed().map((job) => two.draw(job)))).toReversed();
    for (const [index, job] of jobs.entries()) {
      const draws = job.rows * job.samples;
      const whole = bytes(together[index], job.categories, 0, draws);
      if (!whole.equals(bytes(reversed[index], job.categories, 0, draws))) return false;
      for (let draw = 0; draw < draws; draw++) {
        const alone = await one.draw(single(job, draw % job.rows, Math.floor(draw / job.rows)));
        const expected = bytes(together[index], job.categories, draw, draw + 1);
        if (!expected.equals(bytes(alone, job.categories, 0, 1))) return false;
      }
    }
    return true;
  });
  await fc.assert(property, { seed: 20_261_123, numRuns: 100 });
  t.pass('100 random sets of up to 8 jobs, every draw also alone');
});

t.test('rows wider than a tile, and batches of several tiles, keep their bytes', async (t) => {
  for (const categories of [1000, 50_257]) {
    const rows = 3;
    const logits = Float32Array.from({ length: rows * categories }, (_, at) => Math.sin(at));
    const job = makeJob({ rows, categories, samples: 30, logits, outputs });
    // One after the other: both samplers may own a GPU, which the service never lets two threads use at once.
    const whole = await one.draw(job);
    const parts = await two.draw(job);
    const all = bytes(whole, categories, 0, rows * 30);
    t.ok(all.equals(bytes(parts, categories, 0, rows * 30)), `K = ${categories} split`);
    for (const [row, sample] of [
      [0, 0],
      [2, 29],
      [1, 17],
    ] as const) {
      const alone = bytes(await two.draw(single(job, row, sample)), categories, 0, 1);
      const draw = sample * rows + row;
      t.ok(alone.equals(bytes(whole, categories, draw, draw + 1)), `K = ${categories}, row ${row}, sample ${sample}`);
    }
  }
});

t.test('asking for fewer outputs does not change the others', async (t) => {
  const logits = Float32Array.from({ length: 50 }, (_, at) => Math.cos(at));
  for (const hard of [false, true]) {
    const job = makeJob({ rows: 5, categories: 10, samples: 7, logits, hard, outputs });
    const all = await one.draw(job);
    const indices = await one.draw({ ...job, outputs: new Set(['indices'] as const) });
    const samples = await one.draw({ ...job, outputs: new Set(['samples'] as const) });
    const noise = await one.draw({ ...job, outputs: new Set(['noise'] as const) });
    t.same(indices, { indices: all.indices });
    t.same(samples, { samples: all.samples });
    t.same(noise, { noise: all.noise });
  }
});

t.test('a row of a draw by its offset, and samples 5 to 9 by theirs: the same bytes', async (t) => {
  const logits = Float32Array.from({ length: 60 }, (_, at) => Math.sin(at));
  const whole = await one.draw(makeJob({ rows: 6, categories: 10, logits, outputs }));
  const streams = Uint32Array.of(1, 0, 3, 1, 0, 4);
  const rows = await one.draw(makeJob({ rows: 2, categories: 10, logits: logits.slice(30, 50), streams, outputs }));
  t.ok(bytes(rows, 10, 0, 2).equals(bytes(whole, 10, 3, 5)), 'rows 3 and 4');
  const many = makeJob({ rows: 2, categories: 10, logits: logits.slice(0, 20), samples: 12, outputs });
  const later = await one.draw({ ...many, samples: 5, firstSample: 5 });
  t.ok(bytes(later, 10, 0, 10).equals(bytes(await one.draw(many), 10, 10, 20)), 'samples 5 to 9');
});

t.test('adding 1024 to small integer logits changes nothing', async (t) => {
  const logits = Float32Array.from({ length: 200 }, (_, at) => (at * 7) % 23);
  const job = makeJob({ rows: 4, categories: 50, logits, samples: 5, outputs });
  const shifted = await one.draw({ ...job, logits: logits.map((value) => value + 1024) });
  t.ok(bytes(shifted, 50, 0, 20).equals(bytes(await one.draw(job), 50, 0, 20)));
});

t.test('a sampler that is closed and opened again draws the same bytes', async (t) => {
  const job = makeJob({ rows: 3, categories: 17, samples: 4, outputs });
  const before = await one.draw(job);
  const restarted = await open(2, 100);
  t.same(await restarted.draw(job), before);
  await restarted.close();
});

t.test('what else a job can ask for has the same bytes whole and split, with 1 and 2 workers', async (t) => {
  const [rows, categories, samples] = [3, 20, 9];
  const logits = Float32Array.from({ length: rows * categories }, (_, at) => Math.sin(at));
  const temperature = Float32Array.of(0.3, 1, 4);
  const points = Float32Array.from({ length: samples * rows * categories }, (_, at) => Math.cos(3 * at));
  const indices = Float32Array.from({ length: samples * rows }, (_, at) => (7 * at) % categories);
  const orders = Float32Array.from({ length: 5 * samples * rows }, (_, at) => (3 * at) % categories);
  const common = { rows, categories, samples, logits, temperature };
  const jobs = [
    makeJob({ ...common, kind: 'vjp', points, outputs: new Set(['gradLogits', 'gradTemperature'] as const) }),
    makeJob({ ...common, kind: 'reinmax', points, outputs: new Set(['gradLogits'] as const) }),
    makeJob({ ...common, kind: 'gumbelRao', raoSamples: 5, points, outputs: new Set(['gradLogits'] as const) }),
    makeJob({
      ...common,
      kind: 'conditioned',
      given: Int32Array.of(0, 7, 19),
      outputs: new Set(['samples', 'indices', 'noise', 'logSamples', 'indexLogProb'] as const),
    }),
    makeJob({ ...common, topK: 5, outputs: new Set(['logSamples', 'logProb', 'topIndices', 'samples'] as const) }),
    makeJob({ ...common, topK: 5, outputs: new Set([...topOutputs, 'indexLogProb'] as const) }),
    makeJob({ ...common, kind: 'logProbOfIndices', points: indices, outputs: new Set(['logProb'] as const) }),
    makeJob({
      ...common,
      kind: 'logProbOfTopIndices',
      topK: 5,
      points: orders,
      outputs: new Set(['logProb'] as const),
    }),
  ];
  const whole = await Promise.all(jobs.map((job) => one.draw(job)));
  const split = await Promise.all(jobs.map((job) => two.draw(job)));
  for (const [index, job] of jobs.entries()) {
    for (const name of job.outputs) {
      const [a, b] = [whole[index]?.[name], split[index]?.[name]];
      t.ok(a && b && Buffer.from(a.slice().buffer).equals(Buffer.from(b.slice().buffer)), `${job.kind} ${name}`);
    }
  }
  const again = await sumGradients(jobs[0], split[0], nextTurn);
  t.same(again, await sumGradients(jobs[0], whole[0], nextTurn));
});

t.test('log-probabilities of a draw alone, and of its row and sample in any part, have the same bytes', async (t) => {
  // Rows that share a block, a tile, and neither.
  for (const [rows, categories, samples] of [
    [3, 20, 9],
    [2, 9000, 5],
    [2, 50_000, 3],
  ] as const) {
    const logits = Float32Array.from({ length: rows * categories }, (_, at) =>
      at % 7 === 3 ? -Infinity : Math.sin(at),
    );
    const names = [...topOutputs, 'indexLogProb'] as const;
    const job = makeJob({ rows, categories, samples, logits, topK: 5, outputs: new Set(names) });
    const whole = await one.draw(job);
    const alone = await Promise.all(
      Array.from({ length: rows * samples }, (_, draw) => two.draw(single(job, draw % rows, Math.floor(draw / rows)))),
    );
    for (const name of names) {
      const joined = alone.flatMap((result) => [...(result[name] ?? [])]);
      t.ok(
        Buffer.from(Float64Array.from(whole[name] ?? []).buffer).equals(Buffer.from(Float64Array.from(joined).buffer)),
        `${categories}: ${name}`,
      );
    }
    const points = Float32Array.from(whole.topIndices ?? []);
    const given = makeJob({
      rows,
      categories,
      samples,
      logits,
      topK: 5,
      kind: 'logProbOfTopIndices',
      points,
      outputs: new Set(['logProb'] as const),
    });
    t.same((await one.draw(given)).logProb, whole.topLogProb, 'drawn and given');
  }
});
