/**
 * The queue and all around it on virtual time: 10,000 simulations, and whether they find bugs that are planted. All
 * seeds are fixed, so this test always does the same. `npm run test:simulation` runs more of them.
 */
import t from 'tap';
import { bugs } from './bugs.js';
import { replayCommand, runShards } from './shards.js';

t.test('10,000 simulations hold', async (t) => {
  const [{ failures, figures, seeds }] = await runShards([{ from: 1, seeds: 10_000 }]);
  t.equal(seeds, 10_000);
  for (const { seed, failure } of failures.slice(0, 10)) t.fail(`seed ${seed}: ${failure}\n${replayCommand(seed)}`);
  t.equal(failures.length, 0);
  t.ok(figures.drawn > 50_000 && figures.draws - figures.drawn > 10_000 && figures.losses > 1000, 'of every kind');
});

t.test('each planted bug is found', async (t) => {
  t.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
  const found = await runShards(bugs.map(({ name }) => ({ from: 1, seeds: 2000, bug: name, untilFailure: true })));
  for (const [index, { failures }] of found.entries()) {
    t.ok(failures.length > 0, `${bugs[index].name}: ${failures[0]?.failure.split('\n')[0]}`);
    t.notMatch(failures[0]?.failure, /exit code/, 'by the simulation');
  }
});
