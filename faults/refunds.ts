/** A client that leaves its draws in the middle, again and again, pays for what was drawn of them. */
import { jobUnits } from '../src/sampler/cost.js';
import { type Job, noneGiven } from '../src/sampler/job.js';
import { writeKeys } from './keys.js';
import { drawBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause } from './time.js';
import { headerOf, isReply, WireConnection } from './wire.js';

const times = 12;
const leaveAfterMs = 350;
const categories = 1024;
const samples = 125_000;

/** What the draw costs: the quota of a minute is one such draw. */
function costOfDraw(): number {
  const row = { logits: new Float32Array(0), temperature: new Float32Array(0), streams: new Uint32Array(0) };
  const draw = {
    kind: 'draw',
    rows: 1,
    categories,
    samples,
    firstSample: 0,
    hard: false,
    gumbel: true,
    topK: 0,
    given: noneGiven,
  } as const;
  const job: Job = { ...draw, ...row, outputs: new Set(['indices'] as const) };
  return jobUnits(job);
}

async function run(_options: Options, checks: Checks): Promise<Figures> {
  const quota = costOfDraw();
  const keys = writeKeys('leaver');
  const environment = { ...keys.environment, QUOTA_ELEMENTS_PER_MINUTE: String(quota) };
  const service = await Service.start({ environment });
  const fields = { num_samples: samples, seed: 42, return: ['indices'] };
  const bytes = drawBytes(categories, fields, keys.headersOf('leaver'));
  const startMs = performance.now();
  for (let time = 0; time < times; time++) {
    const connection = await WireConnection.open(service.port);
    const answer = connection.request(bytes);
    await pause(leaveAfterMs);
    connection.destroy();
    await answer;
  }
  const last = await service.ask(bytes);
  const minutes = (performance.now() - startMs) / 60_000;
  checks.equal(`after ${times} draws that were left the quota is used up`, last.status, 429);
  checks.that('and says when there is more', isReply(last) && Number(headerOf(last, 'retry-after')) > 0);
  const metrics = (await service.ask('GET /metrics HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n')).body;
  const drawn = Number(/^gumbel_elements_drawn_total\{kind="draw"\} (\d+)/m.exec(metrics.toString())?.[1] ?? 0);
  const allowed = (1 + minutes) * categories * samples;
  // A batch may be under way when its client leaves, and one or two in advance.
  const slack = times * 3 * 2 ** 18;
  checks.that('no more was drawn than the quota allows', drawn > 0 && drawn <= allowed + slack, { drawn, allowed });
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);
  keys.remove();
  return {
    method: `A key whose quota of a minute is one draw of 1024 x 125,000 indices asks for that draw ${times} times and leaves after ${leaveAfterMs} ms.`,
    tables: [
      {
        headers: ['measure', 'value'],
        rows: [
          ['elements of one draw', categories * samples],
          ['elements drawn', drawn],
          ['elements that the quota allowed in that time', allowed],
          ['status of the next draw', String(last.status)],
        ],
      },
    ],
  };
}

export const refundsScenario: Scenario = {
  name: 'refunds',
  title: 'Draws that are left in the middle, and the quota',
  run,
};
