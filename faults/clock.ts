/** The clock is set while requests wait and run: no deadline, watchdog or timeout fires because of it. */
import { closedLoop } from './closed-loop.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';

/** One is drawn and the others wait, whenever the clock jumps. */
const connections = 4;

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const jumps = full ? 40 : 8;
  const service = await Service.start({ preload: 'clock-jumps' });
  let over = false;
  const load = closedLoop(service.port, workBytes(), { connections, isOver: () => over });
  for (let jump = 1; jump <= jumps; jump++) {
    await pause(250);
    service.signal('SIGWINCH');
    await until('the clock has jumped', () => service.stderr.includes(`the clock jumped ${jump} times`));
  }
  await pause(250);
  over = true;
  const { statuses } = await load;
  checks.equal(`${jumps} jumps of the clock: every request got 200`, Object.keys(statuses), ['200']);
  checks.equal('still ready', await service.get('/readyz'), 200);
  const errors = service.log.filter(({ level }) => Number(level) >= 40);
  checks.that('the log has no warning', errors.length === 0, errors);
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  return {
    method: `${connections} connections ask for a million elements each in a closed loop, while the time of day jumps by an hour forth, a day back, a year forth and 400 days back.`,
    tables: [
      {
        headers: ['measure', 'count'],
        rows: [
          ['jumps', jumps],
          ['requests, all answered with 200', statuses['200'] ?? 0],
        ],
      },
    ],
  };
}

export const clockScenario: Scenario = { name: 'clock', title: 'Jumps of the clock', run };
