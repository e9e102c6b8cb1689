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

/** Enough samples of any job for a worker; one sample of a small job is drawn on the calling thread. */
const workerSamples = 4000;

t.test('a small draw on the calling thread has the bytes that a worker draws', async (t) => {
  const sampler = await createSampler(settings);
  t.teardown(sampler.close);
  const logits = Float32Array.of(1, 0.5, Number.NEGATIVE_INFINITY, -1, 0, 3, 2, -2);
  const soft = new Set(['samples', 'indices', 'noise', 'logSamples', 'logProb', 'topIndices'] as const);
  for (const hard of [false, true]) {
    const draw = { categories: 8, logits, hard, topK: 3, outputs: soft };
    const [alone, many] = [
      await sampler.draw(makeJob(draw)),
      await sampler.draw(makeJob({ ...draw, samples: workerSamples })),
    ];
    for (const name of soft) t.same(alone[name], many[name]?.slice(0, alone[name]?.length), `${name}, hard: ${hard}`);
  }
  for (const kind of ['vjp', 'reinmax', 'densityOfLogSamples'] as const) {
    const outputs = new Set([kind === 'densityOfLogSamples' ? ('logProb' as const) : ('gradLogits' as const)]);
    const points = Float32Array.of(-1, -2, Number.NEGATIVE_INFINITY, -3, -1, -2, -1, -3);
    const repeated = Float32Array.from({ length: 8 * workerSamples }, (_, at) => points[at % 8]);
    const job = { kind, categories: 8, logits, outputs };
    const alone = await sampler.draw(makeJob({ ...job, points }));
    const many = await sampler.draw(makeJob({ ...job, points: repeated, samples: workerSamples }));
    for (const name of outputs) t.same(alone[name], many[name]?.slice(0, alone[name]?.length), `${kind}`);
  }
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
