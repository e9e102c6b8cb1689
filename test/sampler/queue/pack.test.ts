import t from 'tap';
import { outputFlag, type Part, partColumns, partFlags } from '../../../src/sampler/job.js';
import { batchOn, openResult } from '../../../src/sampler/messages.js';
import { pack, scatter } from '../../../src/sampler/queue/pack.js';
import { makeJob } from '../../support/jobs.js';

const first: Part = {
  job: makeJob({
    rows: 3,
    categories: 2,
    samples: 4,
    firstSample: 100,
    logits: Float32Array.of(1, 2, 3, 4, 5, 6),
    temperature: Float32Array.of(0.5, 1, 2),
    hard: true,
  }),
  rowStart: 1,
  rowCount: 2,
  sampleStart: 3,
  sampleCount: 1,
};
const second: Part = {
  job: makeJob({
    categories: 2,
    seed: 9,
    logits: Float32Array.of(7, 8),
    gumbel: false,
    outputs: new Set(['indices', 'noise'] as const),
  }),
  rowStart: 0,
  rowCount: 1,
  sampleStart: 0,
  sampleCount: 1,
};

t.test('pack lays the rows of every part side by side and numbers samples from the job', async (t) => {
  const batch = pack([first, second]);
  t.equal(batch.categories, 2);
  t.same([...batch.logits], [3, 4, 5, 6, 7, 8]);
  t.same([...batch.temperature], [1, 2, 1]);
  t.same([...batch.streams], [1, 0, 1, 1, 0, 2, 9, 0, 0]);
  const hard = partFlags.hard | partFlags.gumbel | outputFlag('samples') | outputFlag('indices');
  t.same([...batch.parts], [2, 103, 1, hard, 0, 0, 1, 0, 1, outputFlag('indices') | outputFlag('noise'), 0, 0]);
});

t.test('points of a gradient go along with the draws of their part', async (t) => {
  const job = makeJob({
    kind: 'vjp',
    rows: 2,
    categories: 2,
    samples: 3,
    points: Float32Array.from({ length: 12 }, (_, at) => at),
    outputs: new Set(['gradLogits'] as const),
  });
  const row = pack([{ job, rowStart: 1, rowCount: 1, sampleStart: 1, sampleCount: 1 }]);
  t.same([...row.points], [6, 7], 'sample 1 of row 1');
  const samples = pack([{ job, rowStart: 0, rowCount: 2, sampleStart: 1, sampleCount: 2 }]);
  t.same([...samples.points], [4, 5, 6, 7, 8, 9, 10, 11]);
  t.same(batchOn(samples.buffer), samples);
  const part = (rowStart: number, sampleStart: number) => ({ job, rowStart, rowCount: 1, sampleStart, sampleCount: 1 });
  const several = pack([part(1, 0), part(0, 2), part(1, 2)]);
  t.same([...several.points], [2, 3, 8, 9, 10, 11], 'of one part after the other');
});

t.test('given indices and inner draws go along with their part', async (t) => {
  const outputs = new Set(['indices'] as const);
  const job = makeJob({ kind: 'conditioned', rows: 3, samples: 2, given: Int32Array.of(3, 1, 2), outputs });
  const batch = pack([
    { job, rowStart: 1, rowCount: 2, sampleStart: 1, sampleCount: 1 },
    { job, rowStart: 0, rowCount: 3, sampleStart: 0, sampleCount: 2 },
  ]);
  t.same([...batch.given], [1, 2, 3, 1, 2]);
  t.equal(batch.points.length, 0);
  t.same(batchOn(batch.buffer), batch);
  t.equal(pack([first]).given.length, 0);
  const points = new Float32Array(4);
  const rao = makeJob({ kind: 'gumbelRao', raoSamples: 7, points, outputs: new Set(['gradLogits'] as const) });
  const { parts } = pack([{ job: rao, rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 }]);
  t.equal(parts[partColumns.raoSamples], 7);
});

t.test('a batch is read back from its buffer as it was packed', async (t) => {
  const batch = pack([first, second]);
  t.same(batchOn(batch.buffer), batch);
});

t.test('scatter gives each part its own outputs and nothing it did not ask for', async (t) => {
  const result = openResult(pack([first, second]).buffer, { samples: 4, indices: 3, noise: 2 });
  result.samples.set([1, 0, 0, 1]);
  result.indices.set([0, 1, 1]);
  const [a, b] = scatter([first, second], result);
  t.same([[...(a?.samples ?? [])], [...(a?.indices ?? [])], a?.noise], [[1, 0, 0, 1], [0, 1], undefined]);
  t.same([b?.samples, [...(b?.indices ?? [])], [...(b?.noise ?? [])]], [undefined, [1], [0, 0]]);
});

t.test('a part of several rows and samples has as many of each output', async (t) => {
  const job = makeJob({ rows: 3, samples: 4, outputs: new Set(['indices'] as const) });
  const part: Part = { job, rowStart: 0, rowCount: 3, sampleStart: 1, sampleCount: 2 };
  const next: Part = { job, rowStart: 0, rowCount: 1, sampleStart: 3, sampleCount: 1 };
  const result = openResult(pack([part, next]).buffer, { indices: 7 });
  result.indices.set([0, 1, 2, 3, 2, 1, 0]);
  t.same(
    scatter([part, next], result).map(({ indices }) => [...(indices ?? [])]),
    [[0, 1, 2, 3, 2, 1], [0]],
  );
});

t.test('misuse is an assertion: parts of different K, a result too short or too long', async (t) => {
  const other = { ...second, job: makeJob({ categories: 3 }) };
  t.throws(() => pack([first, other]), /This is a bug\./);
  const { buffer } = pack([first]);
  t.throws(() => scatter([second], openResult(buffer, { indices: 0 })), /This is a bug\./);
  t.throws(() => scatter([second], openResult(buffer, { indices: 2 })), /This is a bug\./);
});
