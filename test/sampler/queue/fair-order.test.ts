/** The order of one class: tags, groups that can share a batch, and virtual time. */
import t from 'tap';
import type { Job } from '../../../src/sampler/job.js';
import { FairOrder, type Ordered, type VirtualTime } from '../../../src/sampler/queue/fair-order.js';
import { makeJob } from '../../support/jobs.js';

const caller = (): VirtualTime => ({ finish: 0, queued: 0 });

/** An order to which the test adds entries of so many units; each is as old as its number says. */
function orderOf() {
  const order = new FairOrder<Ordered & { readonly by: VirtualTime }>();
  let age = 0;
  const add = (units: number, by: VirtualTime, job: Job = makeJob()) => {
    const entry = { job, tag: -1, finish: -1, age: age++, by };
    order.add(entry, units, by);
    return entry;
  };
  /** Starts all of the next entry, and says which it is. */
  const next = (): number => {
    const entry = order.first();
    if (entry === undefined) throw new Error('The order is empty');
    order.serve(entry, entry.finish - entry.tag);
    order.remove(entry, entry.by);
    return entry.age;
  };
  return { order, add, next, ages: () => order.all().map((entry) => entry.age) };
}

t.test('a tag is the present virtual time, or the finish of the last job of its caller', (t) => {
  const { order, add } = orderOf();
  const [a, b] = [caller(), caller()];
  t.equal(add(10, a).tag, 0);
  t.equal(add(5, a).tag, 10);
  t.same(a, { finish: 15, queued: 2 });
  t.equal(order.tagFor(a), 15);
  const first = add(1, b);
  t.match(first, { tag: 0, finish: 1 });
  order.serve({ ...first, tag: 40, finish: 41 }, 1);
  order.serve({ ...first, tag: 30, finish: 31 }, 1);
  t.equal(order.tagFor(b), 40.5, 'it never goes back');
  t.equal(add(2, a).tag, 40.5);
  t.same(a, { finish: 42.5, queued: 3 });
  t.end();
});

t.test('the virtual time advances by what was served, by the number of callers that waited', (t) => {
  const { order, add } = orderOf();
  const present = () => order.tagFor(caller());
  const [a, b] = [caller(), caller()];
  const large = add(100, a);
  const small = add(6, b);
  const last = add(6, b);
  order.serve(large, 30);
  t.equal(present(), 0, 'what has started is not served yet');
  order.serve(large, 30);
  t.equal(present(), 15, 'half of the first part');
  order.serve(large, 40);
  order.remove(large, a);
  order.serve(small, 6);
  t.equal(present(), 50, 'half of all parts');
  order.serve(small, 6);
  t.equal(present(), 56, 'and all of what started while b alone waited, whatever has been removed twice');
  order.remove(large, a);
  order.serve(small, 6);
  t.equal(present(), 62);
  order.remove(small, b);
  order.serve(last, 6);
  order.serve(last, 6);
  t.equal(present(), 74, 'b still waits with its last job');
  t.end();
});

t.test('the virtual time is at most the last finish time of what has started', (t) => {
  const { order, add, next } = orderOf();
  const callers = Array.from({ length: 10 }, caller);
  for (const each of callers) add(10, each);
  for (let count = 0; count < 10; count++) next();
  // Ten jobs of a batch, of 10 units each: 10/10 + 10/9 + ... would be 29.
  order.serve({ ...add(1, caller()), tag: 0 }, 1);
  t.equal(order.tagFor(caller()), 10);
  t.end();
});

t.test('whoever has been served has its turn again, however many new callers come', (t) => {
  for (const waiting of [1, 2, 5, 20]) {
    const { order, add, next } = orderOf();
    const a = caller();
    for (let count = 0; count < 3; count++) {
      add(10, a);
      next();
    }
    for (let count = 0; count < waiting; count++) add(10, caller());
    const { age } = add(10, a);
    let others = 0;
    // A new caller comes with each job that starts.
    for (; next() !== age && others < 1000; others++) add(10, caller());
    // Before it come those that wait, one for each that waits until the time has advanced by the units of its last job,
    // and a few, since the time advances only with the next start.
    t.ok(others <= 2 * waiting + 3, `${others} others, and ${waiting} waited`);
    t.notOk(order.isEmpty);
  }
  t.end();
});

t.test('a new caller comes before all but the first jobs of one that has many', (t) => {
  const { add, next } = orderOf();
  const many = caller();
  for (let count = 0; count < 20; count++) add(10, many);
  for (let count = 0; count < 5; count++) t.equal(next(), count);
  const { age } = add(10, caller());
  t.same([next(), next()], [age, 5], 'although it began before');
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
  order.remove(entries[2], entries[2].by);
  t.same(ages(), [0, 1, 3, 4]);
  order.remove(entries[2], entries[2].by);
  order.remove({ ...apart }, apart.by);
  order.remove({ ...apart, job: makeJob({ categories: 7 }) }, apart.by);
  t.same(ages(), [0, 1, 3, 4]);
  order.remove(entries[0], entries[0].by);
  t.same(ages(), [1, 3, 4]);
  order.remove(apart, apart.by);
  t.same(ages(), [1, 3]);
  order.remove(entries[3], entries[3].by);
  order.remove(entries[1], entries[1].by);
  t.ok(order.isEmpty);
  t.same(ages(), []);
  t.end();
});
