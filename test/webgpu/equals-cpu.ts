/** The same random requests through the real sampler on the CPU and on WebGPU. Run by `npm run test:webgpu`. */
import fc from 'fast-check';
import t from 'tap';
import { anyJob, differences, wrongOutputs } from '../../scripts/provider-equality.js';
import type { Job } from '../../src/sampler/job.js';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';

const settings = {
  workers: 2,
  categoriesMax: 60_000,
  elementsDrawnMax: 2 ** 40,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  queueElementsMax: 1e9,
  watchdogMs: 600_000,
  onStuck: () => {
    throw new Error('A worker is stuck.');
  },
  queueRequestsMax: 1e4,
  onWorkerLost: (error: Error) => t.error(error),
};
const cpu = await createSampler({ ...settings, provider: 'cpu' });
const gpu = await createSampler({ ...settings, provider: 'webgpu' });
t.teardown(async () => {
  await cpu.close();
  await gpu.close();
});

async function wrong(job: Job): Promise<string[]> {
  return wrongOutputs(job, differences(job, await cpu.draw(job), await gpu.draw(job)));
}

t.test('one worker owns the GPU, and it is named', async (t) => {
  t.equal(gpu.workers, 1);
  t.equal(gpu.provider, 'webgpu');
  t.match(gpu.device, /\S/);
  t.same(gpu.refused, []);
});

t.test(
  'random requests in shared batches: all bits equal but those of soft samples, which agree within 1e-6',
  async (t) => {
    const property = fc.asyncProperty(fc.array(anyJob, { minLength: 1, maxLength: 6 }), async (jobs) => {
      for (const outputs of await Promise.all(jobs.map(wrong))) if (outputs.length > 0) return false;
      return true;
    });
    await fc.assert(property, { seed: 20_261_125, numRuns: 60 });
    t.pass('60 random sets of up to 6 jobs');
  },
);

t.test('a vocabulary of 50257 categories, one row and three', async (t) => {
  const categories = 50_257;
  for (const rows of [1, 3]) {
    const logits = Float32Array.from({ length: rows * categories }, (_, at) => 8 * Math.sin(at));
    for (const hard of [false, true]) t.same(await wrong(makeJob({ rows, categories, logits, hard })), []);
  }
});

t.test('more rows than WebGPU has workgroups in one dimension, in one run', async (t) => {
  t.same(await wrong(makeJob({ categories: 2, samples: 70_000 })), []);
});
