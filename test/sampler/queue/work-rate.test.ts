/** The learnt rate of work: a mean of what was observed and the prior, weighted by time. */
import t, { type Test } from 'tap';
import { WorkRate } from '../../../src/sampler/queue/work-rate.js';

const units = 2 ** 17;

/** Equal but for the rounding of a few operations. */
const near = (t: Test, found: number, wanted: number) =>
  t.ok(Math.abs(found / wanted - 1) < 1e-12, `${found} ${wanted}`);

t.test('one batch counts beside 50 ms of the prior', (t) => {
  const rate = new WorkRate(() => 0, 1000);
  rate.observe(units, 100);
  near(t, rate.unitsPerMs, (1000 * 50 + units) / (50 + 100));
  t.end();
});

t.test('a batch of 2^16 units counts; a smaller one does not, nor one of no time or of none known', (t) => {
  const rate = new WorkRate(() => 0, 1000);
  rate.observe(2 ** 16 - 1, 100);
  for (const busyMs of [0, -1, Number.NaN]) rate.observe(2 ** 16, busyMs);
  t.equal(rate.unitsPerMs, 1000);
  rate.observe(2 ** 16, 100);
  near(t, rate.unitsPerMs, (1000 * 50 + 2 ** 16) / (50 + 100));
  t.end();
});

t.test('older work counts less once there is a second of it, and in time', (t) => {
  const clock = { nowMs: 0 };
  const rate = new WorkRate(() => clock.nowMs, 1000);
  rate.observe(units, 600);
  rate.observe(units, 400);
  near(t, rate.unitsPerMs, (50_000 + 2 * units) / (50 + 1000));
  rate.observe(4 * units, 1000);
  // A second is left of what were two.
  near(t, rate.unitsPerMs, (50_000 + units + 4 * units) / (50 + 500 + 1000));
  clock.nowMs = 10_000;
  near(t, rate.unitsPerMs, (50_000 + (5 * units) / Math.E) / (50 + 1500 / Math.E));
  rate.observe(units, 100);
  // Of the 1500 ms a thousand of 1600, and of them one part in e.
  const left = 1000 / 1600 / Math.E;
  near(t, rate.unitsPerMs, (50_000 + left * 5 * units + units) / (50 + left * 1500 + 100));
  t.end();
});

t.test('the estimate is between an eighth of the prior and eight times it', (t) => {
  const slow = new WorkRate(() => 0, 1000);
  slow.observe(units, 1e9);
  t.equal(slow.unitsPerMs, 125);
  const quick = new WorkRate(() => 0, 1000);
  quick.observe(2 ** 30, 1);
  t.equal(quick.unitsPerMs, 8000);
  t.end();
});
