import t from 'tap';
import { Deaths } from '../../src/processes/deaths.js';

t.test('the first replacement starts at once, later ones after a growing delay, until a quiet minute', async (t) => {
  let nowMs = 0;
  const deaths = new Deaths(() => nowMs);
  const delays: unknown[] = [];
  for (let count = 0; count < 9; count++) {
    delays.push(deaths.count());
    nowMs += 20_000;
  }
  t.same(delays, [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  nowMs += 60_000;
  t.equal(deaths.count(), 0);
});

t.test('five deaths within a minute are too many', async (t) => {
  let nowMs = 0;
  const deaths = new Deaths(() => nowMs);
  const delays = Array.from({ length: 5 }, () => {
    nowMs += 10_000;
    return deaths.count();
  });
  t.same(delays, [0, 1000, 2000, 4000, undefined]);
});
