/** The order of one class: tags, groups that can share a batch, and virtual time. */
import t from 'tap';
import type { Job } from '../../../src/sampler/job.js';
import { FairOrder, type Ordered, type VirtualTime } from '../../../src/sampler/queue/fair-order.js';
import { makeJob } from '../../support/jobs.js';

const caller = (): VirtualTime => ({ finish: 0 });

/** An order to which the test adds entries of so many units; each is as old as its number says. */
function orderOf() {
  const order = new FairOrder<Ordered>();
  let age = 0;
  const add = (units: number, by: VirtualTime, job: Job = makeJob()): Ordered => {
    const entry = { job, tag: -1, age: age++ };
    order.add(entry, units, by);
    return entry;
  };
  return { order, add, ages: () => order.all().map((entry) => entry.age) };
}

t.test('a tag is the present virtual time, or the finish of the last job of its caller', (t) => {
  const { order, add } = orderOf();
  const [a, b] = [caller(), caller()];
  t.equal(add(10, a).tag, 0);
  t.equal(add(5, a).tag, 10);
  t.same(a, { finish: 15 });
  t.equal(order.tagFor(a), 15);
  const first = add(1, b);
  t.equal(first.tag, 0);
  order.serve({ ...first, tag: 40 });
  order.serve({ ...first, tag: 30 });
  t.equal(order.tagFor(b), 40, 'it never goes back');
  t.equal(add(2, a).tag, 40);
  t.same(a, { finish: 42 });
  t.end();
});

t.test('the lowest tag is first, and of equal ones the oldest, in a group and over all of them', (t) => {
  const { order, add, ages } = orderOf();
  const other = makeJob({ categories: 5 });
  const [a, b] = [caller(), caller()];
  add(10, a, other); // 0: tag 0
  add(10, a); // 1: tag 10
  add(10, a); // 2: tag 20
  add(15, b); // 3: tag 0
  add(10, b); // 4: tag 15
  add(10, caller()); // 5: tag 0
  add(10, caller(), makeJob({ kind: 'vjp' })); // 6: tag 0
  t.same(ages(), [0, 3, 5, 6, 1, 4, 2]);
  t.equal(order.first()?.age, 0);
  t.equal(order.first(makeJob())?.age, 3);
  t.equal(order.first(other)?.age, 0);
  t.equal(order.first(makeJob({ kind: 'vjp' }))?.age, 6);
  t.equal(order.first(makeJob({ categories: 6 })), undefined);
  t.end();
});

t.test('what is removed is gone, wherever it stands, and nothing else is', (t) => {
  const { order, add, ages } = orderOf();
  t.ok(order.isEmpty);
  t.equal(order.first(), undefined);
  const entries = [0, 1, 2, 3].map(() => add(1, caller()));
  const apart = add(1, caller(), makeJob({ categories: 5 }));
  t.notOk(order.isEmpty);
  order.remove(entries[2]);
  t.same(ages(), [0, 1, 3, 4]);
  order.remove(entries[2]);
  order.remove({ ...apart });
  order.remove({ ...apart, job: makeJob({ categories: 7 }) });
  t.same(ages(), [0, 1, 3, 4]);
  order.remove(entries[0]);
  t.same(ages(), [1, 3, 4]);
  order.remove(apart);
  t.same(ages(), [1, 3]);
  order.remove(entries[3]);
  order.remove(entries[1]);
  t.ok(order.isEmpty);
  t.same(ages(), []);
  t.end();
});
