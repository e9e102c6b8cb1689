/** The batcher exactly at its bounds: when a batch starts and where, what deadlines count, and what is told. */
import t from 'tap';
import { type JobResult, unlimitedTerms } from '../../../src/sampler/job.js';
import { byHand, inlineByHand, job, outcome, units } from '../../support/batcher-by-hand.js';
import { makeJob } from '../../support/jobs.js';

const until = (deadlineAtMs: number) => ({ ...unlimitedTerms(), deadlineAtMs });

t.test('a deadline that is now has passed, and the answer says what to do', async (t) => {
  const { batcher } = byHand({ now: () => 7 });
  t.match(await outcome(batcher.submit(job({}), until(7))), {
    code: 'deadline-exceeded',
    message: 'The draw missed its deadline. Send it again, ask for less at once, or set a later deadline.',
  });
  t.match(batcher.queued, { requests: 0 });
  void batcher.submit(job({}), until(8));
  t.match(batcher.queued, { requests: 1 });
});

t.test('what would be late is told after how many seconds it would not be', async (t) => {
  const large = { samples: 4000 };
  const batchUnitsMax = units({ samples: 1000 });
  // One unit a millisecond.
  const { batcher, turn } = byHand({ batchUnitsMax, unitsPerMs: () => 1 });
  const own = units(large);
  t.match(await outcome(batcher.submit(job(large), until(own / 0.75 - 4))), {
    code: 'overloaded',
    message: 'Behind the draws in the queue this draw would miss its deadline. Send it again later.',
    remedy: { retryAfterSeconds: 1 },
  });
  void batcher.submit(job(large), until(own / 0.75 + 4));
  await turn();
  // Its first batch runs, and the rest waits: all of it, and the next, would have to fit into half of the time.
  const late = await outcome(batcher.submit(job(large), until(own)));
  t.match(late, { remedy: { retryAfterSeconds: Math.ceil((own + own - own / 2) / 1000) } });
});

t.test('what runs no more does not count for deadlines', async (t) => {
  const large = { samples: 4000 };
  const { batcher, batches, turn, finish } = byHand({
    batchUnitsMax: units({ samples: 1000 }),
    unitsPerMs: () => 1,
  });
  const first = batcher.submit(job(large));
  await turn();
  while (batches.length > 0) await finish();
  await first;
  // Large batches are none of small jobs: all of the worker is there.
  void batcher.submit(job(large), until(units(large) / 0.75 + 4));
  t.match(batcher.queued, { requests: 1 });
});

t.test('large jobs are promised only what batches of small ones leave', async (t) => {
  const large = { samples: 4000 };
  const { batcher, turn, finish } = byHand({ batchUnitsMax: units({ samples: 1000 }), unitsPerMs: () => 1 });
  void batcher.submit(job({ samples: 1000 }));
  await turn();
  await finish();
  const late = await outcome(batcher.submit(job(large), until(units(large) / 0.75 + 4)));
  t.match(late, { code: 'overloaded' }, 'a batch of 1000 draws within a second leaves a quarter');
});

t.test('too much, and full: as its parts say', async (t) => {
  const { batcher } = byHand({ unitsPerMs: () => 1, queueUnitsMax: units({}) });
  t.match(batcher.tooMuch(1e6, 10, until(100)), { code: 'too-much-work' });
  t.equal(batcher.tooMuch(1e6, 10, until(1e7)), undefined);
  t.equal(batcher.mayRefuse, false);
  const caller = {};
  t.equal(batcher.refusal(caller), undefined);
  void batcher.submit(job({}), { ...unlimitedTerms(), caller });
  t.equal(batcher.mayRefuse, true);
  t.match(batcher.refusal(caller), { code: 'overloaded' });
});

t.test('a turn is asked for once, and only when something may start in it', async (t) => {
  const { batcher, deferred, turn, finish } = byHand();
  batcher.sweep();
  t.equal(deferred.length, 0, 'nothing waits');
  for (let count = 0; count < 3; count++) void batcher.submit(job({}));
  t.equal(deferred.length, 1);
  await turn();
  void batcher.submit(job({}));
  t.equal(deferred.length, 0, 'the lane is busy');
  await finish();
  t.equal(deferred.length, 0);
});

t.test('while large jobs alone wait for a busy lane no turn is asked for', async (t) => {
  const batchUnitsMax = units({ rows: 100 });
  const { batcher, deferred, turn } = inlineByHand({
    batchUnitsMax,
    worthUnitsMin: batchUnitsMax * 100,
    batchesPerLane: 1,
  });
  void batcher.submit(job({ rows: 500 }));
  await turn();
  void batcher.submit(job({ rows: 500 }));
  t.equal(deferred.length, 0);
});

t.test('small jobs run inline before the large ones beside them go to a worker', async (t) => {
  const batchUnitsMax = units({ rows: 100 });
  const { batcher, batches, inline, turn } = inlineByHand({ batchUnitsMax, worthUnitsMin: batchUnitsMax * 100 });
  void batcher.submit(job({ rows: 500 }));
  void batcher.submit(job({ rows: 2 }));
  await turn();
  t.same(
    inline.map(({ parts }) => parts.map(({ rowCount }) => rowCount)),
    [[2]],
  );
  t.ok(batches.every(({ parts }) => parts.every(({ job: { rows } }) => rows === 500)));
  t.ok(batches.length > 0);
});

t.test('one small job runs inline below worthUnitsMin, several below inlineUnitsMax', async (t) => {
  const limits = { worthUnitsMin: units({ rows: 10 }), inlineUnitsMax: 2 * units({ rows: 4 }) };
  const where = async (...rows: number[]) => {
    const { batcher, batches, inline, turn } = inlineByHand(limits);
    for (const each of rows) void batcher.submit(job({ rows: each }));
    await turn();
    return [inline.length, batches.length];
  };
  t.same(await where(9), [1, 0]);
  t.same(await where(10), [0, 1]);
  t.same(await where(3, 4), [1, 0]);
  t.same(await where(4, 4), [0, 1]);
});

t.test('what is worth a batch starts without a turn, from worthUnitsMin on', async (t) => {
  const { batcher, batches } = byHand({ worthUnitsMin: units({ rows: 10 }) });
  void batcher.submit(job({ rows: 9 }));
  t.equal(batches.length, 0);
  const exact = byHand({ worthUnitsMin: units({ rows: 10 }) });
  void exact.batcher.submit(job({ rows: 10 }));
  t.equal(exact.batches.length, 1);
});

t.test('each lane may have batchesPerLane batches', async (t) => {
  const worth = units({ rows: 10 });
  const { batcher, batches } = byHand({ lanes: 2, batchesPerLane: 3, batchUnitsMax: worth, worthUnitsMin: worth });
  for (let count = 0; count < 10; count++) void batcher.submit(job({ rows: 10 }));
  t.equal(batches.length, 6);
});

t.test('nothing runs inline when the clients of all have left', async (t) => {
  let gone = false;
  const { batcher, inline, turn } = inlineByHand({ worthUnitsMin: units({ rows: 10 }) });
  const left = outcome(batcher.submit(job({}), { ...unlimitedTerms(), isGone: () => gone }));
  gone = true;
  await turn();
  t.match(await left, { name: 'CallerGone' });
  t.equal(inline.length, 0);
  void batcher.submit(job({}));
  await turn();
  t.equal(inline.length, 1, 'and the next does');
});

t.test('a batch is wanted until every job of it has settled', async (t) => {
  const gone = [false, false];
  const { batcher, batches, turn } = byHand();
  const jobs = gone.map((_, index) =>
    outcome(batcher.submit(job({}), { ...unlimitedTerms(), isGone: () => gone[index] })),
  );
  await turn();
  const [batch] = batches;
  t.equal(batch.isWanted, true);
  gone[0] = true;
  batcher.sweep();
  t.equal(batch.isWanted, true);
  gone[1] = true;
  batcher.sweep();
  t.equal(batch.isWanted, false);
  await Promise.all(jobs);
});

t.test('a batch that waits for a worker drops the parts of jobs that have settled', async (t) => {
  const gone = [false, false, false];
  const batchUnitsMax = units({ rows: 100 });
  t.ok(units({ rows: 1 }) + units({ rows: 2 }) + units({ rows: 3 }) <= batchUnitsMax, 'they share a batch');
  const { batcher, batches, turn, finish } = byHand({ batchUnitsMax, unitsPerMs: () => 1 });
  const jobs = gone.map((_, index) => {
    const terms = { ...unlimitedTerms(), isGone: () => gone[index] };
    return outcome(batcher.submit(job({ rows: index + 1 }), terms));
  });
  await turn();
  const [batch] = batches;
  const before = batch.units;
  batch.dropSettled();
  t.equal(batch.units, before, 'nothing has settled yet');
  gone[1] = true;
  batcher.sweep();
  batch.dropSettled();
  t.same(
    batch.parts.map(({ rowCount }) => rowCount),
    [1, 3],
  );
  t.equal(batch.units, (before / 6) * 4);
  await finish();
  const [first, second, third] = await Promise.all(jobs);
  t.match(first, { indices: { length: 1 } });
  t.match(second, { name: 'CallerGone' });
  t.match(third, { indices: { length: 3 } }, 'each result goes to its own job');
  // A draw that fills a batch is admitted if nothing is before it.
  const next = outcome(batcher.submit(job({ rows: 100 }), { ...unlimitedTerms(), deadlineAtMs: 1 }));
  await turn();
  await finish();
  t.match(await next, { indices: { length: 100 } }, 'what was dropped does not count as running for ever');
});

t.test('while small and large jobs wait, one of four batches is of a large one', async (t) => {
  const batchUnitsMax = units({ samples: 100 });
  const { batcher, batches, turn, finish } = byHand({ batchUnitsMax });
  void batcher.submit(job({ samples: 300 }));
  for (let categories = 5; categories < 10; categories++) void batcher.submit(job({ categories }));
  await turn();
  const order: number[] = [];
  while (batches.length > 0) {
    order.push(batches[0].parts[0].job.categories);
    await finish();
  }
  t.same(order.slice(0, 5), [5, 6, 7, 4, 8]);
});

t.test('who waits for idle waits for the last job', async (t) => {
  const { batcher, batches, turn } = byHand({ lanes: 2 });
  void batcher.submit(job({ categories: 4 }));
  void batcher.submit(job({ categories: 5 }));
  await turn();
  let idle = false;
  const waits = batcher.idle().then(() => {
    idle = true;
  });
  batches.shift()?.finish();
  await new Promise(setImmediate);
  t.equal(idle, false);
  batches.shift()?.finish();
  await waits;
});

t.test('idle waits for a batch that its jobs have left, on this thread and on a worker', async (t) => {
  for (const worthUnitsMin of [units({ rows: 10 }), 1]) {
    let gone = false;
    const { batcher, batches, inline, turn, finish, finishInline } = inlineByHand({ worthUnitsMin });
    const left = outcome(batcher.submit(job({}), { ...unlimitedTerms(), isGone: () => gone }));
    await turn();
    t.equal(inline.length + batches.length, 1);
    gone = true;
    batcher.sweep();
    t.match(await left, { name: 'CallerGone' });
    let idle = false;
    const waits = batcher.idle().then(() => {
      idle = true;
    });
    await turn();
    t.equal(idle, false);
    await (inline.length > 0 ? finishInline() : finish());
    await waits;
  }
});

t.test('a result that was given back when its job lapsed is not given back again when a part fails', async (t) => {
  const released: JobResult[] = [];
  let gone = false;
  const { batcher, batches, turn, finish } = byHand({
    batchUnitsMax: units({ samples: 4 }),
    release: (result) => released.push(result),
  });
  const left = outcome(batcher.submit(job({ samples: 12 }), { ...unlimitedTerms(), isGone: () => gone }));
  await turn();
  await finish();
  gone = true;
  batcher.sweep();
  t.match(await left, { name: 'CallerGone' });
  t.equal(released.length, 2, 'the part, and the whole');
  batches.shift()?.fail(new Error('out of luck'));
  await new Promise(setImmediate);
  t.equal(released.length, 2);
});

t.test('the parts of an output of several elements a draw come to their places', async (t) => {
  const outputs = new Set(['noise'] as const);
  const fields = { outputs, categories: 3, samples: 5, rows: 2 };
  const whole = units(fields);
  const { batcher, batches, turn } = byHand({
    batchUnitsMax: whole / 2,
    allocate: () => ({ noise: new Float32Array(30) }),
    runBatch: async ({ parts }) =>
      parts.map(({ rowStart, rowCount, sampleStart, sampleCount }) => {
        const first = (sampleStart * 2 + rowStart) * 3;
        return { noise: Float32Array.from({ length: rowCount * sampleCount * 3 }, (_, index) => first + index) };
      }),
  });
  const drawn = batcher.submit(makeJob(fields));
  for (let count = 0; count < 10; count++) await turn();
  t.equal(batches.length, 0);
  t.same([...((await drawn).noise ?? [])], [...Array(30).keys()]);
});
