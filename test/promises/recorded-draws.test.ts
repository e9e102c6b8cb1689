/**
 * Draws recorded from an earlier version: what is exact comes back byte for byte, what is not within its documented
 * bounds.
 */
import t from 'tap';
import { readRecorded, replay } from '../support/recorded.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

for (const [name, count] of [
  ['recorded_draws', 200],
  ['recorded_routes', 54],
] as const) {
  t.test(`${name}: all ${count} come back`, async (t) => {
    const draws = readRecorded(name);
    t.equal(draws.length, count);
    for (const [index, recorded] of draws.entries()) {
      const { status, off, rest, recordedRest } = await replay(service, recorded);
      t.equal(status, 200, `draw ${index}, ${recorded.path}`);
      t.same(off, [], `draw ${index}, ${recorded.path}`);
      t.same(rest, recordedRest, `draw ${index}: what else is said`);
    }
  });
}
