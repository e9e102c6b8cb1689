import fc from 'fast-check';
import t from 'tap';
import { Quota } from '../../src/access/quota.js';

t.test('a minute of quota can be used at once, and comes back evenly', async (t) => {
  let nowMs = 0;
  const quota = new Quota(600, () => nowMs);
  t.equal(quota.charge(600), 0);
  t.equal(quota.charge(1), 100, '10 elements a second');
  nowMs += 100;
  t.equal(quota.charge(1), 0);
  nowMs += 1e9;
  t.equal(quota.charge(600), 0, 'a bucket that is full does not overflow');
  t.equal(quota.charge(600), 60_000);
});

t.test('a draw above the quota waits for a full bucket and leaves a debt', async (t) => {
  let nowMs = 0;
  const quota = new Quota(600, () => nowMs);
  t.equal(quota.charge(1800), 0);
  t.equal(quota.charge(1), 120_100, 'two minutes of debt, and the element itself');
  nowMs += 120_100;
  t.equal(quota.charge(1), 0);
});

t.test('a refund is as if the draw had never been', async (t) => {
  const quota = new Quota(600, () => 0);
  t.equal(quota.charge(600), 0);
  quota.refund(600);
  t.equal(quota.charge(600), 0);
  quota.refund(100);
  t.equal(quota.charge(100), 0);
  t.equal(quota.charge(1), 100, 'of a part, a part');
  quota.refund(600);
  quota.refund(600);
  t.equal(quota.charge(600), 0);
  t.equal(quota.charge(1), 100, 'never more than a full bucket');
});

t.test(
  'what charge says is true: that much later the same draw is let through, and a little earlier it is not',
  async (t) => {
    const property = fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.array(fc.record({ elements: fc.integer({ min: 1, max: 2e6 }), afterMs: fc.integer({ min: 0, max: 1e5 }) }), {
        maxLength: 20,
      }),
      (elementsPerMinute, draws) => {
        let nowMs = 0;
        const quota = new Quota(elementsPerMinute, () => nowMs);
        for (const { elements, afterMs } of draws) {
          nowMs += afterMs;
          const waitMs = quota.charge(elements);
          if (waitMs === 0) continue;
          // Sums of times and elements are rounded at 2^-52 of at most 1e12: far below a thousandth of a millisecond.
          nowMs += waitMs * 0.999;
          if (quota.charge(elements) === 0 && waitMs > 1) return false;
          nowMs += waitMs * 0.001 + 0.001;
          if (quota.charge(elements) !== 0) return false;
        }
        return true;
      },
    );
    fc.assert(property, { seed: 1, numRuns: 500 });
    t.pass('500 random sequences of draws');
  },
);
