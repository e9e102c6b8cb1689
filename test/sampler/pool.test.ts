/** Faults of worker threads, with worker modules that fail on purpose. */
import t from 'tap';
import { Problem } from '../../src/errors.js';
import { pack, scatter } from '../../src/sampler/batch.js';
import type { Batch, Part } from '../../src/sampler/job.js';
import { Pool } from '../../src/sampler/pool.js';
import { makeJob } from './jobs.js';

const settings = { provider: 'cpu', categoriesMax: 100 } as const;

function onePart(): Part {
  return { job: makeJob(), rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 };
}

function oneBatch(): Batch {
  return pack([onePart()]);
}

/** A worker module given as source text. */
function workerOf(source: string): URL {
  const ready = "import { parentPort } from 'node:worker_threads'; parentPort.postMessage('ready');";
  return new URL(`data:text/javascript,${encodeURIComponent(`${ready} ${source}`)}`);
}

/** Dies on a batch whose last logit is 1, answers every other, stops when told. */
const fragile = workerOf(`parentPort.on('message', (message) => {
  if (message === 'stop') return parentPort.close();
  if (new Float32Array(message).at(-1) === 1) throw new Error('out of luck');
  parentPort.postMessage(new ArrayBuffer(48));
});`);

t.test('real workers draw batches that wait for them and all of them end when asked to', async (t) => {
  const pool = await Pool.start({ workers: 2, settings, onLost: (error) => t.error(error) });
  t.equal(pool.alive, 2);
  const results = await Promise.all(Array.from({ length: 20 }, () => pool.run(oneBatch())));
  const first = scatter([onePart()], results[0] as (typeof results)[0])[0];
  for (const result of results) t.same(scatter([onePart()], result)[0], first);
  await pool.stop();
  t.equal(pool.alive, 0);
});

t.test('a worker that dies fails only its own batch and is replaced', async (t) => {
  const lost: string[] = [];
  const pool = await Pool.start({
    workers: 1,
    settings,
    workerUrl: fragile,
    onLost: (error) => lost.push(error.message),
  });
  const deadly = oneBatch();
  deadly.logits[3] = 1;
  const [first, second, third] = await Promise.allSettled([
    pool.run(oneBatch()),
    pool.run(deadly),
    pool.run(oneBatch()),
  ]);
  t.equal(first.status, 'fulfilled');
  t.equal(third.status, 'fulfilled', 'the batch that waited is drawn by the replacement');
  const reason = second.status === 'rejected' ? second.reason : undefined;
  t.ok(reason instanceof Problem && reason.code === 'worker-lost');
  t.same(lost, ['out of luck']);
  t.equal(pool.alive, 1);
  await pool.stop();
});

t.test('a worker that dies while the pool stops still rejects its batch', async (t) => {
  const pool = await Pool.start({ workers: 1, settings, workerUrl: fragile, onLost: () => {} });
  const deadly = oneBatch();
  deadly.logits[3] = 1;
  const batch = pool.run(deadly);
  const stopped = pool.stop();
  await t.rejects(batch, { code: 'worker-lost' });
  await stopped;
});

t.test('when no worker can be replaced, what waits is rejected instead of hanging', async (t) => {
  const workerUrl = new URL('data:text/javascript,');
  t.rejects(Pool.start({ workers: 2, settings, workerUrl, onLost: () => {} }), { message: /ended without a word/ });
  const once = workerOf(`if (globalThis.process.env.POOL_TEST_BORN) throw new Error('never again');
    globalThis.process.env.POOL_TEST_BORN = '1';
    parentPort.on('message', () => { throw new Error('out of luck'); });`);
  const pool = await Pool.start({ workers: 1, settings, workerUrl: once, onLost: () => {} });
  const outcomes = await Promise.allSettled([pool.run(oneBatch()), pool.run(oneBatch())]);
  for (const outcome of outcomes) t.equal(outcome.status, 'rejected');
  await pool.stop();
});
