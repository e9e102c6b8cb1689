/** A Bag holds what a JavaScript Set would hold. */
import fc from 'fast-check';
import t from 'tap';
import { Bag, type BagItem } from '../../src/runtime/bag.js';

interface Item extends BagItem {
  readonly name: number;
}

const names = Array.from({ length: 8 }, (_, name) => name);

t.test('any additions and deletions leave what they leave in a Set', (t) => {
  const steps = fc.array(fc.record({ name: fc.constantFrom(...names), adds: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const items = names.map((name): Item => ({ name, bagIndex: 0 }));
      const set = new Bag<Item>();
      const model = new Set<number>();
      for (const { name, adds } of all) {
        const item = items[name];
        // Deleting what is not in it does nothing; adding what is in it is not allowed.
        if (!adds) set.delete(item);
        else if (!model.has(name)) set.add(item);
        if (adds) model.add(name);
        else model.delete(name);
        if (set.size !== model.size) return false;
      }
      const held = Array.from(set, ({ name }) => name).toSorted();
      return JSON.stringify(held) === JSON.stringify([...model].toSorted());
    }),
    { seed: 42, numRuns: 1000 },
  );
  t.end();
});

t.test('all may be deleted while they are looked through', (t) => {
  const set = new Bag<Item>();
  const items = names.map((name): Item => ({ name, bagIndex: 0 }));
  for (const item of items) set.add(item);
  const seen: number[] = [];
  for (const { name } of set) {
    seen.push(name);
    for (const item of items) set.delete(item);
  }
  t.same(seen.toSorted(), names);
  t.equal(set.size, 0);
  t.end();
});
