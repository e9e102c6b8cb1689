/** Faults of worker threads, with worker modules that fail on purpose. */
import t from 'tap';
import { DrawError } from '../../../src/sampler/draw-error.js';
import type { Batch, Part } from '../../../src/sampler/job.js';
import { batchesPerWorker, stateColumns } from '../../../src/sampler/messages.js';
import { pack, scatter } from '../../../src/sampler/queue/pack.js';
import { Pool, type PoolOptions } from '../../../src/sampler/queue/pool.js';
import { makeJob } from '../../support/jobs.js';

const settings = { provider: 'cpu', categoriesMax: 100, batchElementsMax: 1000 } as const;

/** A pool whose clock the test sets, on workers that nobody expects to be stuck. */
function options(more: Partial<PoolOptions> = {}): PoolOptions {
  return {
    workers: 1,
    settings,
    watchdogMs: 10_000,
    now: () => 0,
    onWorkerLost: () => {},
    onStuck: () => t.fail('a worker is stuck'),
    ...more,
  };
}

function onePart(): Part {
  return { job: makeJob(), rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 };
}

function oneBatch(): Batch {
  return pack([onePart()]);
}

/** The batch that the faulty workers below fail on. */
function deadlyBatch(): Batch {
  const batch = oneBatch();
  batch.logits[3] = 1;
  return batch;
}

/** A worker module given as source text, which says that it is ready once `early` has run. */
function workerOf(source: string, early = ''): URL {
  const module = `import { parentPort } from 'node:worker_threads'; ${early}; parentPort.postMessage('ready'); ${source}`;
  return new URL(`data:text/javascript,${encodeURIComponent(module)}`);
}

/**
 * In the text of a worker: whether the last logit of oneBatch() is 1, behind 6 fields of its header, 6 of its part, 3
 * of its stream and a temperature.
 */
const isDeadly = 'new Float32Array(message)[19] === 1';

/** Dies on a batch whose last logit is 1, answers every other, stops when told. */
const fragile = workerOf(`parentPort.on('message', (message) => {
  if (message === 'stop') return parentPort.close();
  if (${isDeadly}) throw new Error('out of luck');
  parentPort.postMessage(message, [message]);
});`);

t.test('real workers draw batches that wait for them and all of them end when asked to', async (t) => {
  const pool = await Pool.start(options({ workers: 2, onWorkerLost: (error) => t.error(error) }));
  t.equal(pool.alive, 2);
  const results = await Promise.all(Array.from({ length: 20 }, () => pool.run(oneBatch)));
  const first = scatter([onePart()], results[0])[0];
  for (const result of results) t.same(scatter([onePart()], result)[0], first);
  await pool.stop();
  t.equal(pool.alive, 0);
});

t.test('an idle worker has nothing to draw; a busy one may be inside ONNX Runtime, and one that starts', async (t) => {
  const pool = await Pool.start(options({ workers: 2, workerUrl: fragile }));
  t.same([pool.hasIdle, pool.inRuntime], [true, false]);
  const first = pool.run(oneBatch);
  t.same([pool.hasIdle, pool.inRuntime], [true, true], 'one of two is busy');
  const second = pool.run(oneBatch);
  t.same([pool.hasIdle, pool.inRuntime], [false, true]);
  await Promise.all([first, second]);
  t.same([pool.hasIdle, pool.inRuntime], [true, false]);
  await t.rejects(pool.run(deadlyBatch), { code: 'worker-lost' });
  t.same([pool.hasIdle, pool.inRuntime], [true, true], 'the replacement starts');
  await pool.stop();
  t.same([pool.hasIdle, pool.inRuntime], [false, false]);
});

t.test('of a stuck worker it is known whether it is inside ONNX Runtime', async (t) => {
  for (const isInside of [false, true]) {
    let nowMs = 0;
    const workerUrl = workerOf(
      "parentPort.on('message', (message) => message === 'stop' && parentPort.close());",
      `import { workerData } from 'node:worker_threads';
       Atomics.store(workerData.state, ${stateColumns.inRuntime}, ${Number(isInside)})`,
    );
    const pool = await Pool.start(options({ workerUrl, watchdogMs: 100, now: () => nowMs, onStuck: () => {} }));
    const run = pool.run(oneBatch);
    t.equal(pool.inRuntime, true, 'it has a batch');
    nowMs = 150;
    pool.watch();
    await t.rejects(run, { code: 'worker-lost' });
    t.equal(pool.inRuntime, isInside);
    await pool.stop();
  }
});

t.test('a worker may throw what is no Error', async (t) => {
  const workerUrl = workerOf("parentPort.on('message', () => { throw 'plain text'; });");
  const lost: string[] = [];
  const pool = await Pool.start(options({ workerUrl, onWorkerLost: ({ message }) => void lost.push(message) }));
  await t.rejects(pool.run(oneBatch), { code: 'worker-lost' });
  t.match(lost, [/plain text/]);
  await pool.stop();
});

t.test('a worker that dies fails only its own batch and is replaced', async (t) => {
  const lost: string[] = [];
  const pool = await Pool.start(
    options({ workerUrl: fragile, onWorkerLost: (error) => void lost.push(error.message) }),
  );
  const [first, second, third] = await Promise.allSettled([
    pool.run(oneBatch),
    pool.run(deadlyBatch),
    pool.run(oneBatch),
  ]);
  t.equal(first.status, 'fulfilled');
  t.equal(third.status, 'fulfilled', 'the batch that waited is drawn by the replacement');
  const reason = second.status === 'rejected' ? second.reason : undefined;
  t.ok(reason instanceof DrawError && reason.code === 'worker-lost');
  t.same(lost, ['out of luck']);
  t.equal(pool.alive, 1);
  await pool.stop();
});

t.test('what a lost worker had in advance is packed again and drawn by the next, in order', async (t) => {
  const pool = await Pool.start(options({ workerUrl: fragile }));
  let packed = 0;
  const settled: string[] = [];
  const inAdvance = ['first', 'second'].map((name) =>
    pool
      .run(() => {
        packed += 1;
        return oneBatch();
      })
      .then(() => settled.push(name)),
  );
  t.equal(packed, batchesPerWorker - 1, 'all are in the hands of the one worker');
  await Promise.all(inAdvance);
  settled.length = 0;
  packed = 0;
  const deadly = t.rejects(pool.run(deadlyBatch), { code: 'worker-lost' });
  const again = ['first', 'second'].map((name) =>
    pool
      .run(() => {
        packed += 1;
        return oneBatch();
      })
      .then(() => settled.push(name)),
  );
  await deadly;
  await Promise.all(again);
  t.equal(packed, 4, 'twice each');
  t.same(settled, ['first', 'second']);
  await pool.stop();
});

t.test('a batch that a worker has in advance and nobody wants any more goes back undrawn', async (t) => {
  const pool = await Pool.start(options());
  let wanted = true;
  const long = pack([
    { job: makeJob({ categories: 1000, rows: 1000 }), rowStart: 0, rowCount: 1000, sampleStart: 0, sampleCount: 1 },
  ]);
  const first = pool.run(() => long);
  const unwanted = pool.run(oneBatch, () => wanted);
  const other = pool.run(oneBatch, () => true);
  wanted = false;
  pool.watch();
  await t.rejects(unwanted, { name: 'CallerGone' });
  t.equal((await first).indices.length, 1000, 'the one being drawn is drawn');
  t.equal((await other).indices.length, 1, 'as is the one behind');
  for (let again = 0; again < 4; again++) t.equal((await pool.run(oneBatch)).indices.length, 1, 'and what comes next');
  await pool.stop();
});

t.test('a batch that waits for a worker until nobody wants it any more is not sent', async (t) => {
  const pool = await Pool.start(options());
  const held = Array.from({ length: batchesPerWorker }, () => pool.run(oneBatch));
  let wanted = true;
  let packed = 0;
  const waiting = pool.run(
    () => {
      packed += 1;
      return oneBatch();
    },
    () => wanted,
  );
  wanted = false;
  await t.rejects(waiting, { name: 'CallerGone' });
  t.equal(packed, 0);
  await Promise.all(held);
  await pool.stop();
});

t.test('a worker that dies while the pool stops still rejects its batch', async (t) => {
  const pool = await Pool.start(options({ workerUrl: fragile }));
  const batch = pool.run(deadlyBatch);
  const stopped = pool.stop();
  await t.rejects(batch, { code: 'worker-lost' });
  await stopped;
});

t.test('when no worker can be replaced, what waits is rejected instead of hanging', async (t) => {
  const workerUrl = new URL('data:text/javascript,');
  t.rejects(Pool.start(options({ workers: 2, workerUrl })), { message: /ended without an error message/ });
  const once = workerOf(`if (globalThis.process.env.POOL_TEST_BORN) throw new Error('never again');
    globalThis.process.env.POOL_TEST_BORN = '1';
    parentPort.on('message', () => { throw new Error('out of luck'); });`);
  const pool = await Pool.start(options({ workerUrl: once }));
  const outcomes = await Promise.allSettled([pool.run(oneBatch), pool.run(oneBatch)]);
  for (const outcome of outcomes) t.equal(outcome.status, 'rejected');
  await pool.stop();
});

t.test('a worker whose heap is full fails only its own batch and is replaced', async (t) => {
  const greedy = workerOf(`const kept = [];
    parentPort.on('message', (message) => {
      if (message === 'stop') return parentPort.close();
      if (${isDeadly}) for (;;) kept.push(new Array(100_000).fill({}));
      parentPort.postMessage(message, [message]);
    });`);
  const lost: (string | undefined)[] = [];
  const onWorkerLost = (error: Error & { code?: string }) => void lost.push(error.code);
  const pool = await Pool.start(options({ workerUrl: greedy, onWorkerLost }));
  const [first, second] = await Promise.allSettled([pool.run(deadlyBatch), pool.run(oneBatch)]);
  t.match(first, { status: 'rejected', reason: { code: 'worker-lost' } });
  t.equal(second.status, 'fulfilled');
  t.same(lost, ['ERR_WORKER_OUT_OF_MEMORY']);
  await pool.stop();
});

t.test(
  'a worker that does not answer in time is stuck: every caller is answered, once, and nothing is drawn any more',
  async (t) => {
    const silent = workerOf("parentPort.on('message', (message) => { if (message === 'stop') parentPort.close(); });");
    let nowMs = 0;
    let stuck = 0;
    const onStuck = () => {
      stuck += 1;
    };
    const pool = await Pool.start(options({ workerUrl: silent, now: () => nowMs, onStuck }));
    // More than the worker takes in advance.
    const callers = Promise.allSettled(Array.from({ length: 6 }, () => pool.run(oneBatch)));
    nowMs = 60_000;
    pool.watch();
    t.same([stuck, pool.state], [0, 'ready'], 'a process that stood still for a minute knows nothing of its workers');
    for (let look = 1; look < 50; look++) {
      nowMs += 200;
      pool.watch();
    }
    t.same([stuck, pool.state], [0, 'ready'], 'not before its time is over');
    for (let look = 0; look < 3; look++) {
      nowMs += 200;
      pool.watch();
    }
    t.same([stuck, pool.state], [1, 'failed'], 'and once only');
    for (const caller of await callers) t.match(caller, { status: 'rejected', reason: { code: 'worker-lost' } });
    await t.rejects(pool.run(oneBatch), { code: 'worker-lost' });
    await pool.stop();
  },
);

t.test('a seat whose next worker cannot start is tried again a second later', async (t) => {
  const second = workerOf(
    `parentPort.on('message', (message) => {
      if (message === 'stop') return parentPort.close();
      if (${isDeadly}) throw new Error('out of luck');
      parentPort.postMessage(message, [message]);
    });`,
    `const { env } = globalThis.process;
    env.POOL_TEST_STARTS = String(Number(env.POOL_TEST_STARTS ?? 0) + 1);
    if (env.POOL_TEST_STARTS === '2') throw new Error('no memory')`,
  );
  let nowMs = 0;
  let lose: (message: string) => void = () => {};
  const onWorkerLost = (error: Error) => lose(error.message);
  const pool = await Pool.start(options({ workerUrl: second, now: () => nowMs, onWorkerLost }));
  const losses: string[] = [];
  const both = new Promise<void>((resolve) => {
    lose = (message) => {
      if (losses.push(message) === 2) resolve();
    };
  });
  await t.rejects(pool.run(deadlyBatch), { code: 'worker-lost' });
  await both;
  t.same(losses, ['out of luck', 'no memory']);
  t.equal(pool.state, 'failed');
  nowMs = 999;
  pool.watch();
  t.equal(pool.state, 'failed', 'not at once');
  nowMs = 1000;
  pool.watch();
  t.equal(pool.state, 'starting');
  for (nowMs = 1050; nowMs < 4000; nowMs += 50) pool.watch();
  await pool.run(oneBatch);
  t.equal(pool.state, 'ready');
  await pool.stop();
  t.equal(process.env.POOL_TEST_STARTS, '3', 'no worker more than is missing');
});

t.test('five workers lost within a minute make the pool unready, until the minute is over', async (t) => {
  let nowMs = 0;
  const pool = await Pool.start(options({ workerUrl: fragile, now: () => nowMs }));
  for (let loss = 1; loss <= 5; loss++) {
    nowMs = loss * 1000;
    await t.rejects(pool.run(deadlyBatch), { code: 'worker-lost' });
    // The next batch is drawn by the replacement, so it is there.
    await pool.run(oneBatch);
    t.equal(pool.state, loss < 5 ? 'ready' : 'failed');
  }
  nowMs = 61_001;
  t.equal(pool.state, 'ready');
  await pool.stop();
});

t.test('a pool without a worker says whether one is on its way', async (t) => {
  const pool = await Pool.start(options({ workerUrl: fragile }));
  await t.rejects(pool.run(deadlyBatch), { code: 'worker-lost' });
  t.equal(pool.state, 'starting');
  await pool.run(oneBatch);
  t.equal(pool.state, 'ready');
  await pool.stop();
  t.equal(pool.state, 'failed');
});
