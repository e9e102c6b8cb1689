/** The log of a load: what goes in comes out, in its order, also beyond the room it began with. */
import t from 'tap';
import { OutcomeLog } from '../../faults/outcome-log.js';

t.test('replies, refusals and losses come back as they were', async (t) => {
  const log = new OutcomeLog();
  log.reply(200, false, 1.5, 2.25);
  log.noReply('refused', 'ECONNREFUSED', 3, 4);
  log.reply(503, true, 5, 6);
  log.noReply('lost', 'the connection closed', 7, 8);
  t.equal(log.count, 4);
  t.same(log.all(), [
    { became: 200, retryAfter: false, scheduledMs: 1.5, latencyMs: 2.25 },
    { became: 'refused', retryAfter: false, scheduledMs: 3, latencyMs: 4, reason: 'ECONNREFUSED' },
    { became: 503, retryAfter: true, scheduledMs: 5, latencyMs: 6 },
    { became: 'lost', retryAfter: false, scheduledMs: 7, latencyMs: 8, reason: 'the connection closed' },
  ]);
});

t.test('a long run is kept whole', async (t) => {
  const log = new OutcomeLog();
  const count = 200_000;
  for (let index = 0; index < count; index++) log.reply(200, false, index, 2 * index);
  const all = log.all();
  t.equal(all.length, count);
  t.ok(all.every(({ scheduledMs, latencyMs }, index) => scheduledMs === index && latencyMs === 2 * index));
});
