import t from 'tap';
import { createSampler } from '../../src/sampler/sampler.js';
import { makeJob } from '../support/jobs.js';
import { testProvider } from '../support/provider.js';

const settings = {
  provider: testProvider,
  workers: 1,
  categoriesMax: 1024,
  elementsDrawnMax: 2 ** 40,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  queueElementsMax: 2 ** 29,
  queueRequestsMax: 100,
  watchdogMs: 60_000,
  onWorkerLost: (error: Error) => t.error(error),
  onStuck: () => t.fail('a worker is stuck'),
} as const;

const indicesOnly = new Set(['indices'] as const);

t.test('a small request does not wait behind a large draw', async (t) => {
  const sampler = await createSampler(settings);
  t.teardown(sampler.close);
  const settled: string[] = [];
  const large = sampler
    .draw(makeJob({ categories: 1024, samples: 2 ** 15, outputs: indicesOnly }))
    .then(() => settled.push('large'));
  const small = Array.from({ length: 5 }, (_, at) =>
    sampler.draw(makeJob({ categories: 10 + at })).then(() => settled.push('small')),
  );
  await Promise.all([large, ...small]);
  t.same(
    settled,
    ['small', 'small', 'small', 'small', 'small', 'large'],
    'the 128 parts of the large draw let them pass',
  );
});

t.test('close lets everything that was accepted settle first', async (t) => {
  const sampler = await createSampler(settings);
  t.equal(sampler.state(), 'ready');
  const results = Array.from({ length: 10 }, () => sampler.draw(makeJob({ samples: 1000 })));
  await sampler.close();
  t.equal(sampler.state(), 'failed');
  for (const { indices } of await Promise.all(results)) t.equal(indices?.length, 1000);
});

t.test('a provider that cannot start rejects with its reason and leaves no thread behind', async (t) => {
  await t.rejects(createSampler({ ...settings, workers: 2, provider: 'abacus' as 'cpu' }), { message: /abacus/ });
});
