import fc from 'fast-check';
import t from 'tap';
import { partUnits, weights } from '../../../src/sampler/cost.js';
import { DrawError } from '../../../src/sampler/draw-error.js';
import { type Job, type JobResult, unlimitedTerms } from '../../../src/sampler/job.js';
import { Batcher } from '../../../src/sampler/queue/batcher.js';
import { allocate, answer, byHand, inlineByHand, job, outcome, units } from '../../support/batcher-by-hand.js';
import type { makeJob } from '../../support/jobs.js';

t.test('jobs of one K that arrive together run as one batch', async (t) => {
  const { batcher, batches, turn, finish } = byHand();
  const results = [job({ seed: 1 }), job({ seed: 2, rows: 3 })].map((each) => batcher.submit(each));
  await turn();
  t.equal(batches.length, 1);
  t.same(
    batches[0]?.parts.map((part) => part.rowCount),
    [1, 3],
  );
  await finish();
  t.same(
    (await Promise.all(results)).map((result) => [...(result.indices ?? [])]),
    [[0], [0, 1, 2]],
  );
});

t.test('jobs of another K run apart, oldest first', async (t) => {
  const { batcher, batches, turn, finish } = byHand();
  const order = [4, 5, 4, 6, 5].map((categories) => batcher.submit(job({ categories })));
  await turn();
  const seen: number[][] = [];
  while (batches.length > 0) {
    seen.push(batches[0]?.parts.map((part) => part.job.categories) ?? []);
    await finish();
  }
  t.same(seen, [[4, 4], [5, 5], [6]]);
  await Promise.all(order);
});

t.test('a job that arrives while every lane is busy waits for the first to come free', async (t) => {
  const { batcher, batches, turn, finish } = byHand({ lanes: 2 });
  const results = [4, 5, 6].map((categories) => batcher.submit(job({ categories })));
  await turn();
  t.equal(batches.length, 2);
  t.match(batcher.queued, { units: units({ categories: 6 }), requests: 1 });
  await finish();
  t.equal(batches.length, 2);
  t.match(batcher.queued, { units: 0, requests: 0 });
  await finish();
  await finish();
  await Promise.all(results);
});

t.test('small jobs below worthUnitsMin run inline at the end of the turn, one batch at a time', async (t) => {
  const worthUnitsMin = units({ rows: 100 });
  const { batcher, batches, inline, turn, finishInline } = inlineByHand({ worthUnitsMin });
  const first = [4, 4, 5].map((categories) => batcher.submit(job({ categories })));
  t.equal(inline.length, 0, 'jobs of the turn gather first');
  await turn();
  t.same([inline.length, batches.length], [1, 0]);
  t.equal(inline[0]?.parts.length, 2, 'both of one K');
  const late = batcher.submit(job({ categories: 4 }));
  await turn();
  t.same([inline.length, batches.length], [1, 0], 'it waits for the batch that runs, and takes no worker');
  await finishInline();
  await finishInline();
  await finishInline();
  await Promise.all([...first, late]);
  t.match(batcher.queued, { units: 0, requests: 0 });
  t.equal(batches.length, 0);
});

t.test('small jobs that together reach worthUnitsMin go to a worker', async (t) => {
  const worthUnitsMin = units({ rows: 100 });
  const { batcher, batches, inline, finish } = inlineByHand({ worthUnitsMin });
  const results = Array.from({ length: 100 }, () => batcher.submit(job({ rows: 2 })));
  t.ok(batches.length > 0, 'at once');
  await finish();
  while (batches.length > 0) await finish();
  while (inline.length > 0) inline.shift()?.finish();
  await Promise.all(results);
});

t.test('small jobs that a batch leaves in the queue run inline in the same turn', async (t) => {
  const limits = { worthUnitsMin: units({ rows: 100 }), inlineUnitsMax: units({ rows: 20 }) };
  const { batcher, batches, inline, turn, finish, finishInline } = inlineByHand(limits);
  const first = batcher.submit(job({ rows: 50, categories: 4 }));
  const other = batcher.submit(job({ categories: 5 }));
  await turn();
  t.same([batches.length, inline.length], [1, 1], 'together they are too much for this thread, the second is not');
  await finishInline();
  await other;
  await finish();
  await first;
});

t.test('while large jobs keep every lane busy and wait, a small one runs inline', async (t) => {
  const batchUnitsMax = units({ rows: 100 });
  const { batcher, batches, inline, turn, finish, finishInline } = inlineByHand({
    batchUnitsMax,
    worthUnitsMin: batchUnitsMax / 2,
    batchesPerLane: 1,
  });
  const large = batcher.submit(job({ rows: 500 }));
  await turn();
  t.equal(batches.length, 1);
  const small = batcher.submit(job({ rows: 1 }));
  await turn();
  t.same([batches.length, inline.length], [1, 1]);
  await finishInline();
  await small;
  while (batches.length > 0) await finish();
  await large;
  t.equal(inline.length, 0, 'no part of the large one ran inline, its small rest neither');
});

t.test('a failed inline batch rejects its jobs, and the next runs', async (t) => {
  let failures = 1;
  const { batcher, turn } = byHand({
    worthUnitsMin: units({ rows: 100 }),
    runInline: async (parts) => {
      if (failures-- > 0) throw new Error('out of luck');
      return parts.map(answer);
    },
  });
  const lost = outcome(batcher.submit(job({})));
  await turn();
  t.match(await lost, { message: 'out of luck' });
  const next = batcher.submit(job({}));
  await turn();
  t.ok((await next).indices);
});

t.test('what is worth a batch starts at once, in advance too, and what is not waits to be gathered', async (t) => {
  const worth = units({ rows: 100 });
  const { batcher, batches, turn, finish } = byHand({ batchUnitsMax: worth, worthUnitsMin: worth, batchesPerLane: 3 });
  const large = Array.from({ length: 5 }, (_, at) => batcher.submit(job({ rows: 100, seed: at })));
  t.equal(batches.length, 3, 'without a turn of the event loop, and no more than a lane may have');
  t.match(batcher.queued, { units: 2 * worth, requests: 2 });
  await finish();
  t.equal(batches.length, 3, 'one done, one taken');
  const small = [batcher.submit(job({ seed: 8 })), batcher.submit(job({ seed: 9 }))];
  while (batches.length > 1) await finish();
  t.match(batcher.queued, { units: 2 * units({}), requests: 2 }, 'small jobs wait while the lane has a batch');
  await turn();
  t.equal(batches.length, 1);
  await finish();
  t.equal(batches[0]?.parts.length, 2, 'and then share one');
  await finish();
  t.equal((await Promise.all([...large, ...small])).length, 7);
});

t.test(
  'an idle lane gets a batch although another has batches in advance, at the next sweep at the latest',
  async (t) => {
    let idle = false;
    const { batcher, batches, turn, finish } = byHand({ lanes: 2, hasIdleLane: () => idle });
    const results = [4, 5, 6].map((categories) => batcher.submit(job({ categories })));
    await turn();
    batcher.sweep();
    await turn();
    t.equal(batches.length, 2, 'both batches of two lanes run');
    idle = true;
    batcher.sweep();
    await turn();
    t.equal(batches.length, 3, 'both are on one lane');
    while (batches.length > 0) await finish();
    await Promise.all(results);
  },
);

t.test(
  'memory of results that nobody will read is given back: of parts once copied, of what came too late',
  async (t) => {
    const released: number[] = [];
    const release = ({ indices }: JobResult) => released.push(indices?.length ?? 0);
    const batchUnitsMax = units({ categories: 2, samples: 4 });
    const { batcher, batches, turn, finish } = byHand({ batchUnitsMax, release });
    const whole = batcher.submit(job({}));
    await turn();
    await finish();
    await whole;
    t.same(released, [], 'a result that goes to its caller as it is stays his');
    const split = batcher.submit(job({ categories: 2, samples: 6 }));
    await turn();
    await finish();
    await finish();
    t.equal((await split).indices?.length, 6);
    t.same(released, [4, 2]);
    let gone = false;
    const left = outcome(
      batcher.submit(job({ rows: 2 }), { ...unlimitedTerms(), deadlineAtMs: 1, isGone: () => gone }),
    );
    await turn();
    gone = true;
    batcher.sweep();
    t.match(await left, { name: 'CallerGone' });
    t.equal(batches.length, 1, 'it is still being drawn');
    await finish();
    t.same(released, [4, 2, 2]);
    const half = outcome(batcher.submit(job({ categories: 2, samples: 6 })));
    await turn();
    await finish();
    t.same(released, [4, 2, 2, 4]);
    batches.shift()?.fail(new Error('out of luck'));
    t.match(await half, { message: 'out of luck' });
    t.same(released, [4, 2, 2, 4, 6], 'the result of a job that fails in the middle');
  },
);

t.test(
  'a job larger than a batch runs in parts, and a small one that comes later does not wait for all of them',
  async (t) => {
    const batchUnitsMax = units({ rows: 2, categories: 2, samples: 2 });
    const { batcher, batches, turn, finish } = byHand({ batchUnitsMax });
    const large = batcher.submit(job({ rows: 2, categories: 2, samples: 10 }));
    await turn();
    const small = batcher.submit(job({ categories: 3 }));
    const seen: number[] = [];
    while (batches.length > 0) {
      seen.push(batches[0]?.parts[0]?.job.categories ?? 0);
      await finish();
    }
    t.same(seen, [2, 3, 2, 2, 2, 2], 'the first part was out, and the small job goes before the second');
    t.same([...((await large).indices ?? [])], [...Array(20).keys()]);
    t.equal((await small).indices?.length, 1);
  },
);

t.test('every job gets all of its draws in order, whatever the sizes and however it is cut', async (t) => {
  const jobs = fc.array(
    fc.record({
      rows: fc.integer({ min: 1, max: 7 }),
      categories: fc.integer({ min: 1, max: 5 }),
      samples: fc.integer({ min: 1, max: 9 }),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const property = fc.asyncProperty(
    jobs,
    fc.integer({ min: 1, max: 2000 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 2000 }),
    fc.boolean(),
    async (all, batchUnitsMax, lanes, worthUnitsMin, isInline) => {
      const batcher = new Batcher({
        lanes,
        batchesPerLane: 3,
        worthUnitsMin,
        batchUnitsMax,
        queueUnitsMax: 1e12,
        queueRequestsMax: 1e6,
        unitsPerMs: () => 1e9,
        runBatch: async ({ parts, units: batchUnits }) => {
          const cost = parts.reduce((sum, part) => sum + partUnits(part), 0);
          if (cost !== batchUnits) throw new Error('The batch costs something else than it says.');
          const isOneRow = parts.length === 1 && parts[0].rowCount * parts[0].sampleCount === 1;
          if (!isOneRow && cost > batchUnitsMax) throw new Error('The batch is above its limit.');
          if (new Set(parts.map((part) => part.job.categories)).size > 1) throw new Error('The batch mixes K.');
          return parts.map(answer);
        },
        runInline: isInline ? async (parts) => parts.map(answer) : undefined,
        allocate,
        release: () => {},
        now: () => 0,
        waited: () => {},
        defer: setImmediate,
      });
      const results = await Promise.all(all.map((each) => batcher.submit(job(each))));
      for (const [index, { rows, samples }] of all.entries()) {
        if (!results[index]?.indices?.every((value, at) => value === at)) return false;
        if (results[index]?.indices?.length !== rows * samples) return false;
      }
      return batcher.queued.units === 0 && batcher.queued.requests === 0;
    },
  );
  await fc.assert(property, { seed: 1, numRuns: 300 });
  t.pass('300 random sets of jobs');
});

t.test('a batch that fails rejects each of its jobs once and leaves the others alone', async (t) => {
  const { batcher, batches, turn, finish } = byHand({ batchUnitsMax: units({ categories: 2, samples: 4 }) });
  const split = outcome(batcher.submit(job({ categories: 2, samples: 10 })));
  await turn();
  const other = batcher.submit(job({ categories: 3 }));
  batches.shift()?.fail(new Error('lost'));
  await new Promise(setImmediate);
  await turn();
  t.match(await split, { message: 'lost' });
  t.match(batcher.queued, { units: 0, requests: 0 }, 'the parts of the failed job that still waited are gone');
  await finish();
  t.equal((await other).indices?.length, 1);
});

t.test('a batch that returns too few results rejects every job instead of letting one hang', async (t) => {
  const { batcher, turn } = byHand({ runBatch: async () => [] });
  const lost = [job({}), job({})].map((each) => outcome(batcher.submit(each)));
  await turn();
  for (const each of lost) t.match(await each, { message: /This is a bug\./ });
});

t.test('who finds no room is refused at once, and let in again once there is some', async (t) => {
  for (const options of [{ queueRequestsMax: 8 }, { queueUnitsMax: 8 * units({}) }]) {
    const { batcher, turn, finish } = byHand(options);
    const accepted = Array.from({ length: 8 }, () => batcher.submit(job({})));
    const error = await outcome(batcher.submit(job({})));
    t.ok(error instanceof DrawError && error.code === 'overloaded');
    t.match(batcher.refusal({}), { code: 'overloaded' }, 'nobody needs to be read');
    await turn();
    t.equal(batcher.refusal({}), undefined);
    await finish();
    await Promise.all(accepted);
    const after = batcher.submit(job({}));
    await turn();
    await finish();
    await after;
  }
});

t.test('a job that costs more than the whole queue is taken while nothing else waits', async (t) => {
  const { batcher, turn, finish } = byHand({ queueUnitsMax: 1 });
  const large = batcher.submit(job({ categories: 50 }));
  await turn();
  await finish();
  t.equal((await large).indices?.length, 1);
});

t.test('a row that costs more than a batch is never taken in advance', async (t) => {
  const batchUnitsMax = units({ categories: 100 });
  const { batcher, batches, finish } = byHand({ batchUnitsMax, worthUnitsMin: 1 });
  const rows = Array.from({ length: 3 }, () => batcher.submit(job({ categories: 1000 })));
  t.equal(batches.length, 1);
  const small = batcher.submit(job({ categories: 10 }));
  t.equal(batches.length, 2, 'a small draw is, before the other rows');
  while (batches.length > 0) {
    await finish();
    const long = batches.filter(({ parts }) => parts[0]?.job.categories === 1000);
    t.ok(long.length === 0 || long[0] === batches[0], 'a long row is only ever the one that is drawn');
  }
  await Promise.all([...rows, small]);
});

t.test('counts the draws that were begun of a job, whatever becomes of it', async (t) => {
  const batchUnitsMax = units({ samples: 10 });
  let gone = false;
  const { batcher, turn, finish } = byHand({ batchUnitsMax });
  const terms = { ...unlimitedTerms(), isGone: () => gone };
  const left = outcome(batcher.submit(job({ samples: 35 }), terms));
  await turn();
  t.equal(terms.begunDraws, 10);
  await finish();
  t.equal(terms.begunDraws, 20);
  gone = true;
  batcher.sweep();
  t.match(await left, { name: 'CallerGone' });
  await finish();
  t.equal(terms.begunDraws, 20, 'and no more after the end');
});

t.test('says how long each job waited for its first part, once, however many parts it has', async (t) => {
  let nowMs = 1000;
  const waits: number[] = [];
  const { batcher, turn, finish } = byHand({
    batchUnitsMax: units({ categories: 4, samples: 2 }),
    now: () => nowMs,
    waited: (waitMs) => waits.push(waitMs),
  });
  const large = batcher.submit(job({ categories: 4, samples: 4 }));
  nowMs += 5;
  await turn();
  const small = batcher.submit(job({ categories: 3 }));
  nowMs += 7;
  await finish();
  await finish();
  await finish();
  await Promise.all([large, small]);
  t.same(waits, [5, 7]);
});

t.test('idle waits for what was accepted and for nothing else', async (t) => {
  const { batcher, turn, finish } = byHand();
  await batcher.idle();
  const result = batcher.submit(job({}));
  let idle = false;
  const waiting = batcher.idle().then(() => {
    idle = true;
  });
  await turn();
  t.notOk(idle);
  await finish();
  await waiting;
  t.ok(idle);
  await result;
});

t.test('jobs of every kind share a batch when their K is equal', async (t) => {
  const { batcher, batches, turn, finish } = byHand();
  const kinds: Partial<Job>[] = [{ hard: true }, { gumbel: false }, { outputs: new Set(['noise'] as const) }];
  const results = kinds.map((kind) => batcher.submit(job(kind)));
  await turn();
  t.equal(batches[0]?.parts.length, 3);
  await finish();
  await Promise.all(results);
});

/** A batcher whose clock and callers the test governs. */
function timed() {
  const clock = { nowMs: 0 };
  const gone = new Set<string>();
  const hands = byHand({ now: () => clock.nowMs, batchUnitsMax: units({ categories: 10, samples: 10 }) });
  const submit = (name: string, deadlineAtMs: number, fields: Parameters<typeof makeJob>[0] = {}) =>
    outcome(hands.batcher.submit(job(fields), { ...unlimitedTerms(), deadlineAtMs, isGone: () => gone.has(name) }));
  return { ...hands, clock, gone, submit };
}

t.test('what expired in the queue is answered and not drawn, and its neighbours are', async (t) => {
  const { batcher, batches, turn, finish, clock, submit } = timed();
  const first = submit('first', 100);
  await turn();
  const [late, patient] = [submit('late', 50), submit('patient', 1000)];
  clock.nowMs = 50;
  await finish();
  t.match(await late, { code: 'deadline-exceeded' });
  t.match(await first, { indices: Int32Array.of(0) }, 'what was being drawn is answered');
  t.equal(batches[0]?.parts.length, 1, 'only the patient one is drawn');
  await finish();
  t.match(await patient, { indices: Int32Array.of(0) });
  t.match(batcher.queued, { units: 0, requests: 0 });
});

t.test('what nobody waits for any more is not drawn', async (t) => {
  const { batches, turn, finish, gone, submit } = timed();
  submit('first', 100);
  await turn();
  const [left, stayed] = [submit('left', 100), submit('stayed', 100)];
  gone.add('left');
  await finish();
  t.match(await left, { name: 'CallerGone' });
  t.equal(batches[0]?.parts.length, 1);
  await finish();
  t.match(await stayed, { indices: Int32Array.of(0) });
});

t.test('a queue of which nothing is wanted any more gives way to the next', async (t) => {
  const { batches, turn, clock, submit } = timed();
  const late = submit('late', 10, { categories: 5 });
  const other = submit('other', 100, { categories: 6 });
  clock.nowMs = 10;
  await turn();
  t.match(await late, { code: 'deadline-exceeded' });
  t.same(
    batches[0]?.parts.map((part) => part.job.categories),
    [6],
  );
  batches[0]?.finish();
  await other;
});

t.test(
  'a sweep answers those whose time is over while every lane is busy, once, also in the middle of a draw',
  async (t) => {
    const { batcher, batches, turn, finish, clock, submit } = timed();
    const split = submit('split', 50, { categories: 10, samples: 30 });
    await turn();
    const queued = submit('queued', 50, { categories: 3 });
    clock.nowMs = 49;
    batcher.sweep();
    t.same(batcher.queued.requests, 2, 'nothing is given up before its time');
    clock.nowMs = 50;
    batcher.sweep();
    t.match(await split, { code: 'deadline-exceeded' });
    t.match(await queued, { code: 'deadline-exceeded' });
    t.match(batcher.queued, { units: 0, requests: 0 });
    await finish();
    t.equal(batches.length, 0, 'the rest of the draw is never taken');
    await batcher.idle();
  },
);

t.test('every promise settles and the queue ends empty, whatever lapses and whenever', async (t) => {
  const jobs = fc.array(
    fc.record({
      categories: fc.integer({ min: 1, max: 3 }),
      samples: fc.integer({ min: 1, max: 30 }),
      submitAtMs: fc.integer({ min: 0, max: 6 }),
      deadlineAtMs: fc.option(fc.integer({ min: 1, max: 12 }), { nil: Number.POSITIVE_INFINITY }),
      goneAtMs: fc.option(fc.integer({ min: 0, max: 12 }), { nil: Number.POSITIVE_INFINITY }),
    }),
    { minLength: 1, maxLength: 15 },
  );
  const property = fc.asyncProperty(jobs, fc.integer({ min: 1, max: 3 }), async (all, lanes) => {
    let nowMs = 0;
    const batchUnitsMax = weights.job + 70;
    const { batcher, batches, finish, turn } = byHand({ lanes, batchUnitsMax, now: () => nowMs });
    const settled: Promise<unknown>[] = [];
    for (; nowMs <= 12 || batches.length > 0; nowMs++) {
      for (const { submitAtMs, deadlineAtMs, goneAtMs, ...fields } of all) {
        if (submitAtMs !== nowMs) continue;
        const terms = { ...unlimitedTerms(), deadlineAtMs, isGone: () => nowMs >= goneAtMs };
        settled.push(outcome(batcher.submit(job(fields), terms)));
      }
      if (nowMs % 2 === 0) batcher.sweep();
      await turn();
      await finish();
    }
    const results = await Promise.all(settled);
    await batcher.idle();
    const { units: left, requests } = batcher.queued;
    return results.length === all.length && left === 0 && requests === 0;
  });
  await fc.assert(property, { seed: 5, numRuns: 200 });
  t.pass('200 random histories');
});

t.test('a deadline that passes while a job is submitted is told as one, and not as a full queue', async (t) => {
  // Each look at the clock finds it 0.4 later: from the third on the deadline has passed.
  let nowMs = 0;
  const now = () => {
    nowMs += 0.4;
    return nowMs;
  };
  const { batcher, turn } = byHand({ now, unitsPerMs: () => 1e15 });
  const submitted = outcome(batcher.submit(job({ samples: 100_000 }), { ...unlimitedTerms(), deadlineAtMs: 1 }));
  await turn();
  t.match(await submitted, { code: 'deadline-exceeded' });
});
