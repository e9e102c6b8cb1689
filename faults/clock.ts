/** The clock is set while requests wait and run: no deadline, watchdog or timeout fires because of it. */
import { countOutcomes, OpenLoop } from './open-loop.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';

const ratePerSecond = 50;

async function run({ full, seed }: Options, checks: Checks): Promise<Figures> {
  const jumps = full ? 40 : 8;
  const service = await Service.start({ preload: 'clock-jumps' });
  const load = new OpenLoop({ port: service.port, ratePerSecond, seed, bytes: workBytes(), connectionsMax: 100 });
  for (let jump = 1; jump <= jumps; jump++) {
    await pause(250);
    service.signal('SIGUSR2');
    await until('the clock has jumped', () => service.stderr.includes(`the clock jumped ${jump} times`));
  }
  await pause(250);
  const counts = countOutcomes(await load.stop());
  checks.equal(`${jumps} jumps of the clock: every request got 200`, Object.keys(counts), ['200']);
  checks.equal('still ready', await service.get('/readyz'), 200);
  const errors = service.log.filter(({ level }) => Number(level) >= 40);
  checks.that('the log has no warning', errors.length === 0, errors);
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  return {
    method: `${ratePerSecond} requests a second of a million elements each, while the time of day jumps by an hour forth, a day back, a year forth and 400 days back.`,
    tables: [
      {
        headers: ['measure', 'count'],
        rows: [
          ['jumps', jumps],
          ['requests, all answered with 200', counts['200'] ?? 0],
        ],
      },
    ],
  };
}

export const clockScenario: Scenario = { name: 'clock', title: 'Jumps of the clock', run };
