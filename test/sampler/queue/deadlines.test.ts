/** Which draws are let in for their deadlines, and how the rate of work is learnt. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { problemOf } from '../../../src/routes/draw-problems.js';
import { jobUnits, nanosecondsPerUnit } from '../../../src/sampler/cost.js';
import { type Job, unlimitedTerms } from '../../../src/sampler/job.js';
import { Deadlines } from '../../../src/sampler/queue/deadlines.js';
import { DrawQueue } from '../../../src/sampler/queue/queue.js';
import { QueueEntry } from '../../../src/sampler/queue/queue-entry.js';
import { WorkRate } from '../../../src/sampler/queue/work-rate.js';
import { makeJob } from '../../support/jobs.js';

const indices = new Set(['indices'] as const);
/** So many batches, of a thousand samples each, to which laying them out adds little. */
const job = (batches: number) => makeJob({ categories: 100, outputs: indices, samples: Math.ceil(1000 * batches) });
const batchUnitsMax = jobUnits(job(1));

/** One that does a batch a millisecond, and what waits for it. */
function replica(lanes = 1) {
  const clock = { nowMs: 0 };
  const now = () => clock.nowMs;
  const options = { batchUnitsMax, queueUnitsMax: 1e12, queueRequestsMax: 1e6, now };
  const queue = new DrawQueue<QueueEntry>(options);
  const deadlines = new Deadlines({ lanes, batchUnitsMax, unitsPerMs: () => batchUnitsMax, now });
  const entry = (each: Job, deadlineAtMs: number, caller: object = {}) =>
    new QueueEntry(each, { ...unlimitedTerms(), deadlineAtMs, caller }, queue.callerOf(caller), batchUnitsMax);
  const lateMs = (each: QueueEntry) => deadlines.lateMs(each, queue, 0, clock.nowMs);
  const tooMuch = (each: Job, deadlineAtMs: number) => {
    const error = deadlines.tooMuch(jobUnits(each), each.samples * each.rows, { ...unlimitedTerms(), deadlineAtMs });
    return error && problemOf(error);
  };
  return { clock, queue, deadlines, entry, lateMs, tooMuch };
}

t.test('what an idle replica would not do in three quarters of the time is too much, and says what fits', (t) => {
  const { tooMuch } = replica();
  t.equal(tooMuch(job(70), 100), undefined, 'about 70 ms of 100');
  const problem = tooMuch(job(90), 100);
  t.match(problem, { code: 'too-much-work', message: /at most 7\d{4} rows x samples/ });
  const fits = Number(/at most (\d+)/.exec(problem?.message ?? '')?.[1]);
  t.equal(tooMuch(job(fits / 1000), 100), undefined);
  t.equal(tooMuch(job(1), 0.001), undefined, 'one batch never is');
  t.equal(tooMuch(job(1000), 0), undefined, 'nor what is too late already: that is another error');
  t.end();
});

t.test('several workers share the parts of a draw, but a row cannot be cut', (t) => {
  const { tooMuch } = replica(4);
  t.equal(tooMuch(job(280), 100), undefined);
  const row = makeJob({ categories: 25_000_000, outputs: indices });
  t.match(tooMuch(row, 100), { code: 'too-much-work', message: /A row cannot be split/ });
  t.equal(tooMuch(row, 1000), undefined);
  t.end();
});

t.test('of many equal draws as many are let in as are done in time', (t) => {
  const { queue, entry, lateMs } = replica();
  let admitted = 0;
  for (let client = 0; client < 16; client++) {
    const next = entry(job(100), 1000);
    if (lateMs(next) > 0) continue;
    queue.add(next);
    admitted += 1;
  }
  // A draw takes 100 ms, and behind others 500 are promised.
  t.equal(admitted, 5);
  const late = lateMs(entry(job(100), 1000));
  t.ok(late > 0 && late <= 100, `it would fit once ${late} ms of work are done`);
  t.equal(lateMs(entry(job(100), 2000)), 0, 'one with more time fits now');
  t.equal(lateMs(entry(job(0.1), 1)), 0, 'and a small draw goes before them');
  t.end();
});

t.test('nothing that is let in makes another late that was', (t) => {
  const { queue, entry, lateMs } = replica();
  const one = {};
  queue.add(entry(job(100), 1000, one));
  queue.add(entry(job(400), 1000, one));
  const other = entry(job(550), 10_000);
  t.equal(lateMs(entry(job(80), 10_000)), 0, 'before the second of the same caller, and that has time');
  t.ok(lateMs(other) > 0, 'it would come before it, and that would be late');
  t.end();
});

t.test('in simulation all large draws that are let in are done by their deadlines', (t) => {
  const arrival = fc.record({
    atMs: fc.integer({ min: 0, max: 400 }),
    batches: fc.integer({ min: 2, max: 200 }),
    caller: fc.nat(3),
    deadlineMs: fc.integer({ min: 20, max: 600 }),
  });
  const property = fc.property(fc.array(arrival, { maxLength: 25 }), (arrivals) => {
    const { clock, queue, entry, lateMs } = replica();
    const callers = [{}, {}, {}, {}];
    const left = arrivals.toSorted((a, b) => a.atMs - b.atMs);
    let done = true;
    while (left.length > 0 || !queue.isEmpty) {
      while (left.length > 0 && left[0].atMs <= clock.nowMs) {
        const { batches, caller, deadlineMs } = left.shift() as (typeof left)[number];
        const next = entry(job(batches), clock.nowMs + deadlineMs, callers[caller]);
        if (lateMs(next) === 0) queue.add(next);
      }
      const { entries, units } = queue.take('all', () => false);
      clock.nowMs += entries.length === 0 ? 1 : units / batchUnitsMax;
      for (const { drawsLeft, terms } of entries) done &&= drawsLeft > 0 || clock.nowMs <= terms.deadlineAtMs;
    }
    return done;
  });
  fc.assert(property, { seed: 1, numRuns: 300 });
  t.pass('300 random histories');
  t.end();
});

t.test('large draws are promised only what small ones leave them', (t) => {
  const { deadlines, entry, lateMs } = replica();
  t.equal(lateMs(entry(job(500), 1000)), 0);
  // A second of work of small draws within a second.
  for (let batch = 0; batch < 1000; batch++) deadlines.countSmall(batchUnitsMax);
  t.ok(lateMs(entry(job(500), 1000)) > 0, 'a quarter is theirs');
  t.equal(lateMs(entry(job(150), 1000)), 0);
  t.end();
});

/** What a draw is told that is `lateMs` late, of units of one millisecond, beside what else is queued and runs. */
function exactly(lanes: number, options: { perMs?: number } = {}) {
  const { perMs = 1 } = options;
  const clock = { nowMs: 0 };
  const now = () => clock.nowMs;
  const queue = new DrawQueue<QueueEntry>({ batchUnitsMax, queueUnitsMax: 1e15, queueRequestsMax: 1e6, now });
  const deadlines = new Deadlines({ lanes, batchUnitsMax, unitsPerMs: () => perMs, now });
  const entry = (each: Job, deadlineAtMs: number, caller: object = {}) =>
    new QueueEntry(each, { ...unlimitedTerms(), deadlineAtMs, caller }, queue.callerOf(caller), batchUnitsMax);
  const add = (...args: Parameters<typeof entry>) => {
    const added = entry(...args);
    queue.add(added);
    return added;
  };
  const lateMs = (each: QueueEntry, runningUnits = 0) => deadlines.lateMs(each, queue, runningUnits, clock.nowMs);
  return { clock, queue, deadlines, entry, add, lateMs };
}

/** Equal but for the rounding of sums and quotients. */
const near = (t: Test, found: number, wanted: number, message: string) =>
  t.ok(Math.abs(found - wanted) <= 1e-9 * wanted, `${message}: ${found}, ${wanted}`);

t.test('a small draw waits for what runs and for the small ones before it, in half of its time or one batch', (t) => {
  const { clock, entry, add, lateMs } = exactly(2, { perMs: 4 });
  add(job(50), 1e9);
  const before = add(job(0.9), 1e9);
  clock.nowMs = 1000;
  const next = entry(job(0.5), 1000 + 10);
  const running = 10 * batchUnitsMax;
  const doneMs = (running + before.units + next.units) / (2 * 4);
  near(t, lateMs(next, running), doneMs - batchUnitsMax / 4, 'a batch is allowed, however short the time');
  const later = entry(job(0.5), 1000 + batchUnitsMax);
  near(t, lateMs(later, running), doneMs - batchUnitsMax / 2, 'half of the time');
  t.equal(lateMs(entry(job(0.5), 1e9), running), 0);
  t.end();
});

t.test('a large draw alone has three quarters of its time, behind others half', (t) => {
  const { clock, entry, add, lateMs } = exactly(2);
  clock.nowMs = 500;
  const next = entry(job(10), 500 + 1000);
  near(t, lateMs(next, 600), 600 / 2 + next.units / 2 - 0.75 * 1000, 'alone');
  const before = add(job(20), 1e12);
  near(t, lateMs(next, 600), (600 + before.units) / 2 + next.units / 2 - 0.5 * 1000, 'behind another');
  t.end();
});

t.test('a draw of fewer parts than workers keeps as many busy as it has parts', (t) => {
  const { entry, lateMs } = exactly(8);
  const next = entry(job(2.5), 0);
  near(t, lateMs(next), next.units / 3, 'three parts');
  const rows = entry(makeJob({ categories: 1e6, outputs: indices, samples: 2 }), 0);
  near(t, lateMs(rows), rows.units / 2, 'two rows, each longer than a batch');
  t.end();
});

t.test('what small draws took within the last second is not there for large ones, but for a quarter', (t) => {
  const { clock, deadlines, entry, lateMs } = exactly(2);
  const next = entry(job(10), 0);
  // One unit a millisecond, of two.
  deadlines.countSmall(1000);
  near(t, lateMs(next), next.units, 'half of the work is left');
  clock.nowMs = 1000;
  near(t, lateMs(next), next.units / (2 - 1 / Math.E) + 0.75 * 1000, 'a second later, of one part in e');
  deadlines.countSmall(1000);
  near(t, lateMs(next), next.units / (2 - 1 - 1 / Math.E) + 0.75 * 1000, 'and more comes');
  deadlines.countSmall(1e9);
  near(t, lateMs(next), next.units / 0.5 + 0.75 * 1000, 'a quarter');
  t.end();
});

t.test('a draw that would go before others takes of the time that they were promised', (t) => {
  const { clock, entry, add, lateMs } = exactly(1);
  clock.nowMs = 100;
  const one = {};
  const first = add(job(10), 1e12, one);
  const second = add(job(20), 1e12, one);
  // Before the second of the other caller, behind its first.
  const next = entry(job(5), 1e12);
  t.equal(lateMs(next, 700), 0);
  const tight = 100 + (700 + first.units + second.units + next.units - 1000) / 0.6;
  const other = exactly(1);
  other.clock.nowMs = 100;
  other.add(job(10), 1e12, one);
  other.add(job(20), tight, one);
  near(t, other.lateMs(other.entry(job(5), 1e12), 700), 1000, 'the second would be late by a second');
  const own = other.entry(job(5), 100);
  near(t, other.lateMs(own, 700), Math.max(1000, 700 + first.units + own.units), 'it, or the draw itself');
  t.end();
});

t.test('too much: three quarters of the time, in words and in numbers', (t) => {
  const clock = { nowMs: 50 };
  const options = { lanes: 1, batchUnitsMax: 100, unitsPerMs: () => 10, now: () => clock.nowMs };
  const deadlines = new Deadlines(options);
  const ask = (units: number, draws: number, deadlineAtMs: number) =>
    deadlines.tooMuch(units, draws, { ...unlimitedTerms(), deadlineAtMs });
  t.equal(ask(100, 1, 51), undefined, 'a batch is never too much');
  t.equal(ask(750, 75, 150), undefined, '75 ms of 100');
  t.equal(ask(1e6, 10, 50), undefined, 'too late is another error');
  t.equal(ask(1e6, 10, 49), undefined);
  const error = ask(1500, 150, 150);
  t.match(error, {
    code: 'too-much-work',
    message: 'The draw takes about 0.15 s, and its deadline is in 0.1 s.',
  } as object);
  t.equal(error?.remedy.draws, 150);
  const { drawsInTime = 0 } = error?.remedy ?? {};
  t.ok(drawsInTime > 50 && drawsInTime <= 75, `${drawsInTime}: 75 ms of 10 units, of 10 each`);
  t.equal(ask(10 * (drawsInTime + 5), drawsInTime + 5, 150) === undefined, drawsInTime + 5 <= 75);
  t.end();
});

t.test('the rate of work is learnt from batches of some size, within bounds, and forgotten', (t) => {
  const clock = { nowMs: 0 };
  const rate = new WorkRate(() => clock.nowMs, 1000);
  t.equal(rate.unitsPerMs, 1000);
  rate.observe(1000, 100);
  t.equal(rate.unitsPerMs, 1000, 'a small batch says nothing of it');
  for (let batch = 0; batch < 100; batch++) rate.observe(2 ** 18, 2 ** 18 / 500);
  t.ok(rate.unitsPerMs > 490 && rate.unitsPerMs < 540, `half as fast: ${rate.unitsPerMs}`);
  clock.nowMs += 200_000;
  t.ok(rate.unitsPerMs > 990, `and forgotten after a while: ${rate.unitsPerMs}`);
  for (let batch = 0; batch < 100; batch++) rate.observe(2 ** 18, 2 ** 18);
  t.equal(rate.unitsPerMs, 125, 'a bound for the worst of machines');
  t.equal(new WorkRate(() => 0).unitsPerMs, 1e6 / nanosecondsPerUnit);
  t.end();
});
