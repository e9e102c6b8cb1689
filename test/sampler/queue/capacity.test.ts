/** The account of the queue's capacity, at its bounds. */
import t from 'tap';
import { Capacity, type Share } from '../../../src/sampler/queue/capacity.js';

const shareOf = (smallCharge = 0, largeCharge = 0): Share => ({ smallCharge, largeCharge });

t.test('a job is charged at least its share of the requests, and a large one an eighth of the rest at most', (t) => {
  const capacity = new Capacity(801, 100);
  t.equal(capacity.chargeOf(0, false), 0);
  t.equal(capacity.chargeOf(0, true), 0);
  t.equal(capacity.chargeOf(1, false), 9, '801 / 100, rounded up');
  t.equal(capacity.chargeOf(1, true), 9);
  t.equal(capacity.chargeOf(10, false), 10);
  t.equal(capacity.chargeOf(1000, false), 1000);
  t.equal(capacity.chargeOf(50, true), 50);
  // 801 without a quarter of it, 200, are 601.
  t.equal(capacity.chargeOf(1000, true), 75);
  t.equal(new Capacity(4, 4).chargeOf(1000, true), 1, 'and at least 1');
  t.end();
});

t.test('an empty queue takes any job, and then a caller what is still free', (t) => {
  const capacity = new Capacity(800, 100);
  for (const large of [false, true]) t.ok(capacity.admits(shareOf(), 1e9, large));
  const other = shareOf();
  capacity.count(other, 100, false);
  t.same(other, shareOf(100, 0));
  t.ok(capacity.admits(shareOf(), 700, false));
  t.notOk(capacity.admits(shareOf(), 701, false));
  t.notOk(capacity.admits(shareOf(1), 700, false));
  t.ok(capacity.admits(shareOf(0, 500), 700, false), 'large jobs of a caller do not count for its small ones');
  capacity.count(other, -100, false);
  t.same(other, shareOf());
  t.ok(capacity.admits(shareOf(), 1e9, false));
  t.end();
});

t.test('large jobs leave a quarter, and count with all that their caller has', (t) => {
  const capacity = new Capacity(800, 100);
  const other = shareOf();
  capacity.count(other, 500, true);
  t.same(other, shareOf(0, 500));
  t.ok(capacity.admits(shareOf(), 100, true), 'of 600');
  t.notOk(capacity.admits(shareOf(), 101, true));
  t.ok(capacity.admits(shareOf(30, 20), 50, true));
  t.notOk(capacity.admits(shareOf(30, 20), 51, true));
  t.ok(capacity.admits(shareOf(), 300, false), 'small ones have all the rest');
  t.notOk(capacity.admits(shareOf(), 301, false));
  const small = shareOf();
  capacity.count(small, 250, false);
  t.ok(capacity.admits(shareOf(), 50, true), 'small ones take of the 600, too, once the quarter is full');
  t.notOk(capacity.admits(shareOf(), 51, true));
  t.end();
});

t.test('whom it refuses has no room for the smallest job; nobody, as long as mayRefuse is false', (t) => {
  for (const large of [0, 100]) {
    const capacity = new Capacity(800, 100);
    capacity.count(shareOf(), large, true);
    const greedy = shareOf();
    // Of 800 - large, half less half of the smallest charge, 8.
    const most = 396 - large / 2;
    capacity.count(greedy, most, false);
    t.notOk(capacity.mayRefuse);
    t.notOk(capacity.refuses(greedy));
    capacity.count(greedy, 1, false);
    t.ok(capacity.mayRefuse);
    t.ok(capacity.refuses(greedy));
    t.notOk(capacity.refuses(shareOf()));
  }
  t.end();
});
