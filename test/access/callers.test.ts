/** Callers whose quota another process keeps, and callers who lose theirs. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { Callers } from '../../src/access/callers.js';

const options = { quotaElementsPerMinute: 0, now: () => 0, drawn: () => {}, removed: () => {} };

const keyOf = (elementsPerMinute: number | undefined) => ({
  name: 'alice',
  sha256: createHash('sha256').update('a').digest(),
  elementsPerMinute,
});

t.test('a quota that is charged in another process', async (t) => {
  const waits = [0, 1500];
  const quotaOf = (_name: string, elementsPerMinute: number) => ({
    elementsPerMinute,
    charge: async () => waits.shift() ?? 0,
    refund: () => {},
  });
  const callers = new Callers({ ...options, quotaOf });
  callers.replace([keyOf(100)]);
  const alice = callers.find('a');
  await alice?.charge(10);
  await t.rejects(async () => alice?.charge(10), { code: 'quota-exceeded' });
});

t.test('a caller whose quota is removed may draw without one', async (t) => {
  const callers = new Callers(options);
  callers.replace([keyOf(1)]);
  const alice = callers.find('a');
  // The first draw may take more than there is.
  alice?.charge(1000);
  t.throws(() => alice?.charge(1000), { code: 'quota-exceeded' });
  callers.replace([keyOf(0)]);
  t.equal(alice?.charge(1000), undefined);
});
