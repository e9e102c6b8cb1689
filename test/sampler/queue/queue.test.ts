/**
 * Who is let into the queue and in which order: small and large jobs, callers, and counts that always come back to
 * zero.
 */
import fc from 'fast-check';
import t from 'tap';
import { jobUnits, weights } from '../../../src/sampler/cost.js';
import { type Job, type Terms, unlimitedTerms } from '../../../src/sampler/job.js';
import { DrawQueue, type QueueOptions } from '../../../src/sampler/queue/queue.js';
import { QueueEntry } from '../../../src/sampler/queue/queue-entry.js';
import { makeJob } from '../../support/jobs.js';

const indices = new Set(['indices'] as const);
const job = (fields: Parameters<typeof makeJob>[0] = {}) => makeJob({ outputs: indices, ...fields });
/** A batch of a thousand samples of a row of 4, to which laying it out adds little. */
const batchSamples = 1000;
const batchUnitsMax = jobUnits(job({ samples: batchSamples }));
const smallJob = (categories = 4) => job({ categories });
const largeJob = (batches: number, categories = 4) => job({ categories, samples: batchSamples * batches });

/** A queue of entries, whose batches the test takes. */
function queueOf(options: Partial<QueueOptions> = {}) {
  const queue = new DrawQueue<QueueEntry>({
    batchUnitsMax,
    queueUnitsMax: 1e9,
    queueRequestsMax: 1e6,
    now: () => 0,
    ...options,
  });
  const entry = (each: Job, caller: object): QueueEntry => {
    const terms: Terms = { ...unlimitedTerms(), caller };
    return new QueueEntry(each, terms, queue.callerOf(caller), batchUnitsMax);
  };
  /** Adds a job if there is room for it, and says whether there was. */
  const submit = (each: Job, caller: object = {}): boolean => {
    const added = entry(each, caller);
    if (!queue.admits(added)) return false;
    queue.add(added);
    return true;
  };
  const take = () => queue.take('all', () => false);
  /** How many jobs like `each` a caller gets in. */
  const fill = (each: () => Job, caller: object): number => {
    let count = 0;
    while (submit(each(), caller)) count += 1;
    return count;
  };
  return { queue, entry, submit, take, fill };
}

/** Callers of the entries of all batches, in order; of a batch with several, the first. */
function leaders(queue: DrawQueue<QueueEntry>, names: ReadonlyMap<object, string>): string[] {
  const order: string[] = [];
  while (!queue.isEmpty) {
    const { entries } = queue.take('all', () => false);
    order.push(names.get(entries[0].terms.caller) ?? '?');
  }
  return order;
}

t.test('of four batches one is of a large job while small ones wait, and they of the others', (t) => {
  const { queue, submit } = queueOf();
  const names = new Map<object, string>();
  const [small, large] = [{}, {}];
  names.set(small, 's').set(large, 'L');
  submit(largeJob(3), large);
  // Each of another K, so that none shares a batch with another.
  for (let categories = 5; categories < 13; categories++) submit(smallJob(categories), small);
  t.equal(leaders(queue, names).join(''), 'sssLsssLssL');
  t.end();
});

t.test('callers of large jobs take turns by what they cost, and what began first ends first', (t) => {
  const { queue, submit } = queueOf();
  const [a, b] = [{}, {}];
  const names = new Map<object, string>().set(a, 'a').set(b, 'b');
  for (let count = 0; count < 3; count++) submit(largeJob(2), a);
  submit(largeJob(2), b);
  const order = leaders(queue, names).join('');
  t.equal(order[0], 'a');
  t.equal(order.replace(/(.)\1/g, '$1'), 'abaa', 'all parts of a job, and b does not wait for the second of a');
  t.end();
});

t.test('callers of small jobs take turns, too', (t) => {
  const { queue, submit } = queueOf();
  const [a, b] = [{}, {}];
  const names = new Map<object, string>().set(a, 'a').set(b, 'b');
  // Each of another K, so that none shares a batch with another, and of about the same cost.
  for (let categories = 100; categories < 103; categories++) submit(smallJob(categories), a);
  for (let categories = 110; categories < 113; categories++) submit(smallJob(categories), b);
  t.equal(leaders(queue, names).join(''), 'ababab');
  t.end();
});

t.test('a caller that has been drawn often waits for two jobs of a new one at most', (t) => {
  const { queue, submit, take } = queueOf();
  const [a, b] = [{}, {}];
  const names = new Map<object, string>().set(a, 'a').set(b, 'b');
  for (let count = 0; count < 20; count++) {
    submit(smallJob(100), a);
    take();
  }
  // Each of another K, so that none shares a batch with another, and of about the same cost.
  for (let categories = 110; categories < 116; categories++) submit(smallJob(categories), b);
  submit(smallJob(100), a);
  const before = leaders(queue, names).indexOf('a');
  t.ok(before === 1 || before === 2, `${before} before it: one that is owed, and one of its turn if it costs no more`);
  t.end();
});

t.test('a caller that has been drawn has its turn again while every other job is of a new caller', (t) => {
  for (const each of [() => job({ samples: batchSamples / 2 + 1 }), () => largeJob(3)]) {
    const { submit, take } = queueOf();
    const known = {};
    submit(each(), known);
    submit(each());
    take();
    // The other job waits behind it, and its first part is what ends this.
    while (take().entries[0].terms.caller === known);
    submit(each(), known);
    let batches = 0;
    // One comes with each batch, so there are always some.
    for (; batches < 100; batches++) {
      submit(each());
      if (take().entries.some(({ terms }) => terms.caller === known)) break;
    }
    t.ok(batches < 20, `it waited for ${batches} batches`);
  }
  t.end();
});

t.test('a turn of large jobs that is due takes nothing from small ones', (t) => {
  const { queue, entry, submit, take } = queueOf();
  const large = entry(largeJob(3), {});
  queue.add(large);
  for (let categories = 5; categories < 10; categories++) submit(smallJob(categories));
  for (let turn = 0; turn < 3; turn++) t.notOk(take().entries[0].large);
  const inline = queue.take('small', () => false);
  t.same(
    inline.entries.map((each) => each.large),
    [false],
    'a batch of small jobs alone is one, whosever turn it is',
  );
  queue.remove(large);
  t.notOk(take().entries[0].large, 'and without large jobs there is no turn of theirs');
  t.ok(queue.isEmpty);
  queue.add(entry(largeJob(3), {}));
  t.same(
    queue.take('small', () => false),
    { entries: [], parts: [], units: 0 },
  );
  t.end();
});

t.test('a batch of small jobs alone counts as no turn, and takes no large job along', (t) => {
  const { queue, submit, take } = queueOf();
  submit(job({ samples: batchSamples + 1 }));
  take();
  t.match(queue.counts, { requests: 1 }, 'a draw of it is left');
  for (let round = 0; round < 4; round++) {
    submit(smallJob());
    t.equal(queue.take('small', () => false).entries.length, 1);
  }
  submit(smallJob(5));
  t.notOk(take().entries[0].large);
  t.end();
});

t.test('what has lapsed is passed over, and what fits exactly is taken', (t) => {
  const { units } = queueOf().entry(smallJob(), {});
  const { queue, entry } = queueOf({ batchUnitsMax: 2 * units });
  const entries = [0, 1, 2, 3].map(() => entry(smallJob(), {}));
  for (const each of entries) queue.add(each);
  const drop = (each: QueueEntry) => {
    const lapsed = each === entries[1];
    if (lapsed) queue.remove(each);
    return lapsed;
  };
  t.same(
    queue.take('all', drop).entries.map(({ age }) => age),
    [0, 2],
  );
  t.same(
    queue.take('all', drop).entries.map(({ age }) => age),
    [3],
  );
  t.end();
});

t.test('a sample of more rows than a batch is cut into rows, and the next sample begins a new batch', (t) => {
  const rowUnits = queueOf().entry(job({ samples: 100 }), {}).units;
  const { queue, entry } = queueOf({ batchUnitsMax: rowUnits });
  const { terms, caller } = entry(smallJob(), {});
  queue.add(new QueueEntry(job({ rows: 250, samples: 2 }), terms, caller, rowUnits));
  const cuts: number[][] = [];
  while (!queue.isEmpty) {
    for (const { rowStart, rowCount, sampleStart, sampleCount } of queue.take('all', () => false).parts) {
      cuts.push([sampleStart, sampleCount, rowStart, rowCount]);
    }
  }
  t.same(cuts, [
    [0, 1, 0, 100],
    [0, 1, 100, 100],
    [0, 1, 200, 50],
    [1, 1, 0, 100],
    [1, 1, 100, 100],
    [1, 1, 200, 50],
  ]);
  t.end();
});

t.test('a row is long if it alone is more than a batch', (t) => {
  const { queue, entry } = queueOf();
  t.equal(queue.nextIsLongRow, false, 'nothing waits');
  const each = entry(smallJob(), {});
  const exact = queueOf({ batchUnitsMax: each.units });
  exact.submit(smallJob());
  t.equal(exact.queue.nextIsLongRow, false);
  const less = queueOf({ batchUnitsMax: each.units - 1 });
  less.submit(smallJob());
  t.equal(less.queue.nextIsLongRow, true);
  t.end();
});

t.test('only a large draw that was refused makes the queue refuse others unread', (t) => {
  const { queue, submit } = queueOf({ queueUnitsMax: 100 * batchUnitsMax });
  let admitted = 0;
  while (submit(largeJob(50), {})) {
    admitted += 1;
    t.equal(queue.mayRefuse, false);
  }
  t.ok(admitted > 1);
  t.equal(queue.mayRefuse, true);
  t.end();
});

t.test('a batch takes along what fits of its kind and K, of every caller and both classes', (t) => {
  const { submit, take } = queueOf();
  for (let count = 0; count < 2; count++) submit(smallJob());
  submit(smallJob(5));
  submit(job({ kind: 'reinmax' }));
  const { entries, units } = take();
  t.equal(entries.length, 2);
  t.ok(units <= batchUnitsMax);
  const other = queueOf();
  other.submit(job({ samples: batchSamples + 2 }), {});
  const first = other.take();
  t.equal(first.parts[0]?.sampleCount, batchSamples);
  other.submit(smallJob());
  t.same(
    other.take().parts.map(({ sampleCount }) => sampleCount),
    [1, 2],
    'the end of a large job shares the batch of a small one',
  );
  t.end();
});

t.test('a quarter is for small jobs, whatever large ones fill the rest and whoever sends them', (t) => {
  const { fill, submit, queue } = queueOf({ queueUnitsMax: 400 * batchUnitsMax });
  while (fill(() => largeJob(100), {}) > 0);
  t.ok(queue.counts.requests >= 8, 'a large job counts for an eighth of the rest at most');
  t.notOk(submit(largeJob(2), {}));
  const greedy = {};
  const half = fill(() => job({ samples: batchSamples }), greedy);
  t.ok(half >= 50 && half <= 51, `a caller of small ones gets half of it: ${half} of 100`);
  const next = fill(() => job({ samples: batchSamples }), {});
  t.ok(next >= 25 && next <= 26, `and the next half of what that leaves: ${next}`);
  t.ok(submit(smallJob(), {}));
  t.end();
});

t.test('one greedy caller leaves half, two leave a third, with any number of jobs', (t) => {
  for (const greedy of [1, 2, 3, 7]) {
    const { queue, entry } = queueOf({ queueUnitsMax: 1000 * batchUnitsMax });
    const callers = Array.from({ length: greedy }, () => ({}));
    let admitted = true;
    while (admitted) {
      admitted = false;
      for (const caller of callers) {
        const next = entry(job({ samples: batchSamples }), caller);
        if (!queue.admits(next)) continue;
        queue.add(next);
        admitted = true;
      }
    }
    // Of a thousand equal jobs the bound is met to within one for each caller.
    const left = 1000 - queue.counts.units / batchUnitsMax;
    t.ok(Math.abs(left - 1000 / (greedy + 1)) <= greedy, `${greedy}: ${left} of 1000 are left`);
  }
  t.end();
});

t.test('each request counts for its share of QUEUE_REQUESTS_MAX, however little it costs', (t) => {
  const { fill, queue } = queueOf({ queueRequestsMax: 100 });
  t.equal(
    fill(() => smallJob(), {}),
    50,
  );
  while (fill(() => smallJob(), {}) > 0);
  t.equal(queue.counts.requests, 100);
  t.ok(queue.refuses({}), 'whatever comes is refused');
  t.end();
});

t.test('what is refused unread would be refused read', (t) => {
  // Of random fillings: whenever a caller is refused because the queue is full, so is every job of it.
  const step = fc.record({ caller: fc.nat(3), batches: fc.integer({ min: 0, max: 300 }), takes: fc.nat(2) });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let nowMs = 0;
    const { queue, submit, take, entry } = queueOf({
      queueUnitsMax: 40 * batchUnitsMax,
      queueRequestsMax: 30,
      // Longer than any caller is remembered: only the room in the queue counts.
      now: () => {
        nowMs += 10_000;
        return nowMs;
      },
    });
    const callers = Array.from({ length: 4 }, () => ({}));
    for (const { caller, batches, takes } of steps) {
      const owner = callers[caller];
      submit(batches < 2 ? smallJob() : largeJob(batches), owner);
      for (const each of callers) {
        if (!queue.refuses(each)) continue;
        if (!queue.mayRefuse) return false;
        for (const tried of [smallJob(1), largeJob(2), largeJob(200)]) {
          if (queue.admits(entry(tried, each))) return false;
        }
      }
      for (let count = 0; count < takes; count++) take();
    }
    return true;
  });
  fc.assert(property, { seed: 3, numRuns: 300 });
  t.pass('300 random histories');
  t.end();
});

t.test('counts come back to zero, everything is drawn once, and nobody starves', (t) => {
  const step = fc.record({
    caller: fc.nat(4),
    rows: fc.integer({ min: 1, max: 6 }),
    categories: fc.integer({ min: 1, max: 3 }),
    samples: fc.integer({ min: 1, max: 4000 }),
    takes: fc.nat(3),
    dropped: fc.boolean(),
  });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { queue, entry } = queueOf({ queueUnitsMax: 20 * batchUnitsMax, queueRequestsMax: 20 });
    const callers = Array.from({ length: 5 }, () => ({}));
    const drawn = new Map<QueueEntry, number>();
    const waiting = new Set<QueueEntry>();
    const removed = new Set<QueueEntry>();
    /** Large batches that were led since one waits, to look for starving. */
    let smallTurns = 0;
    const take = (): boolean => {
      const largeWaits = queue.counts.largeUnits > 0;
      const { entries, parts, units } = queue.take('all', () => false);
      if (entries.length === 0) return queue.counts.units === 0;
      smallTurns = largeWaits && !entries[0].large ? smallTurns + 1 : 0;
      if (smallTurns > 3) return false;
      const draws = parts.reduce((sum, { rowCount, sampleCount }) => sum + rowCount * sampleCount, 0);
      for (const [index, each] of entries.entries()) {
        const part = parts[index];
        drawn.set(each, (drawn.get(each) ?? 0) + part.rowCount * part.sampleCount);
        if (removed.has(each)) return false;
        if (drawn.get(each) === each.draws) waiting.delete(each);
      }
      return draws === 1 || units <= batchUnitsMax;
    };
    for (const { caller, takes, dropped, ...fields } of steps) {
      const added = entry(job(fields), callers[caller]);
      if (queue.admits(added)) {
        queue.add(added);
        waiting.add(added);
      }
      if (dropped) {
        const [first] = waiting;
        if (first) {
          queue.remove(first);
          queue.remove(first);
          waiting.delete(first);
          removed.add(first);
        }
      }
      for (let count = 0; count < takes; count++) if (!take()) return false;
      if (queue.counts.requests !== waiting.size) return false;
    }
    while (!queue.isEmpty) if (!take()) return false;
    const { units, requests, largeUnits } = queue.counts;
    const shares = callers.map((caller) => queue.callerOf(caller));
    return (
      waiting.size === 0 &&
      units + requests + largeUnits === 0 &&
      shares.every(({ smallCharge, largeCharge }) => smallCharge + largeCharge === 0)
    );
  });
  fc.assert(property, { seed: 7, numRuns: 500 });
  t.pass('500 random histories');
  t.end();
});

t.test('jobs of one caller and K are drawn in the order in which they came', (t) => {
  const property = fc.property(fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 3000 }))), (all) => {
    const { queue, entry } = queueOf();
    const callers = [{}, {}, {}];
    for (const [caller, samples] of all) queue.add(entry(job({ samples }), callers[caller]));
    const last = new Map<object, number>();
    while (!queue.isEmpty) {
      for (const { terms, age, large } of queue.take('all', () => false).entries) {
        // Small ones may pass large ones of the same caller.
        const key = queue.callerOf(terms.caller)[large ? 'large' : 'small'];
        if (age < (last.get(key) ?? -1)) return false;
        last.set(key, age);
      }
    }
    return true;
  });
  fc.assert(property, { seed: 11, numRuns: 300 });
  t.pass('300 random sets of jobs');
  t.end();
});

t.test('a flood of large draws is refused unread, but for a few, and who draws little is read', (t) => {
  let nowMs = 0;
  const { queue, submit, take } = queueOf({ queueUnitsMax: 100 * batchUnitsMax, now: () => nowMs });
  const large = () => largeJob(50);
  const neighbour = {};
  t.ok(submit(smallJob(), neighbour));
  const flood = Array.from({ length: 1000 }, () => ({}));
  let read = 0;
  const ask = (caller: object) => {
    if (queue.mayRefuse && queue.refuses(caller)) return;
    read += 1;
    submit(large(), caller);
  };
  for (const caller of flood) ask(caller);
  t.ok(read < 100, `${read} of 1000 were read`);
  read = 0;
  for (let round = 0; round < 10; round++) for (const caller of flood) ask(caller);
  t.equal(read, 0, 'and none at once again');
  t.notOk(queue.refuses(neighbour), 'a caller of small draws is read');
  t.ok(submit(smallJob(), neighbour), 'and let in');
  while (!queue.isEmpty) take();
  t.notOk(queue.refuses(flood[0]), 'with room again everybody is read');
  for (let count = 0; count < 30; count++) submit(large(), {});
  t.ok(queue.refuses(flood[0]));
  nowMs += 1000;
  t.notOk(queue.mayRefuse, 'after a second without a refusal nobody is shed');
  t.end();
});

t.test('what is queued costs at least something, even of no noise and one category', (t) => {
  t.ok(jobUnits(job({ categories: 1, gumbel: false, outputs: new Set(['noise'] as const) })) > weights.job);
  t.end();
});
