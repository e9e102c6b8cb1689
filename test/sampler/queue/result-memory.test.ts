import t from 'tap';
import { BufferPool } from '../../../src/runtime/buffer-pool.js';
import { ResultMemory } from '../../../src/sampler/queue/result-memory.js';
import { makeJob } from '../../support/jobs.js';

const bytes = 2 ** 16;

t.test('a buffer is free again once the last of its results is released, each counted once', async (t) => {
  const buffers = new BufferPool(2 ** 20);
  const memory = new ResultMemory(buffers);
  const buffer = buffers.take(bytes);
  const results = [{ indices: new Int32Array(buffer, 0, 1) }, { indices: new Int32Array(buffer, 4, 1) }] as const;
  memory.share(buffer, results);
  memory.release(results[0]);
  memory.release(results[0]);
  t.not(buffers.take(bytes), buffer, 'the second result is still read');
  memory.release({ indices: new Int32Array(buffer) });
  t.not(buffers.take(bytes), buffer, 'a result that was not shared releases nothing');
  memory.release(results[1]);
  t.equal(buffers.take(bytes), buffer);
});

t.test(
  'the outputs of a job in parts lie on one buffer, each aligned and as long as its draws need, and give it back',
  async (t) => {
    const buffers = new BufferPool(2 ** 20);
    const memory = new ResultMemory(buffers);
    const used = buffers.take(bytes);
    buffers.give(used);
    // 3 x 5 x 1001 float32, 15 int32 and 15 float64 are 60,240 bytes.
    const job = makeJob({ rows: 3, samples: 5, categories: 1001, outputs: new Set(['samples', 'indices', 'logProb']) });
    const result = memory.allocate(job);
    const { samples, indices, logProb } = result as Required<typeof result>;
    t.same([samples.length, indices.length, logProb.length], [15 * 1001, 15, 15]);
    t.same(Object.keys(result).sort(), ['indices', 'logProb', 'samples']);
    for (const { buffer } of [samples, indices, logProb]) t.equal(buffer, used);
    samples.fill(1);
    indices.fill(2);
    logProb.fill(3);
    t.ok(samples.every((value) => value === 1) && indices.every((value) => value === 2), 'none lies on another');
    memory.release(result);
    t.equal(buffers.take(bytes), used);
  },
);
