/**
 * Clients that go away while their draws wait: nothing of them is computed. A module in the worker holds it inside a
 * batch until the clients have gone, and reports every batch that follows, so nothing here depends on timing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchLine, marks } from './preload/marks.js';
import { drawBytes, workerBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';
import { isReply, WireConnection } from './wire.js';

/**
 * Everything sent before is read by the service once it has answered this often: each answer takes a turn of its event
 * loop.
 */
async function settleTurns(service: Service): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await service.get('/livez');
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-sampler-faults-'));
  const release = join(folder, 'release');
  const gone = full ? 500 : 100;
  const service = await Service.start({
    preload: 'worker-faults',
    environment: { HOLD_FILE: release, QUEUE_ELEMENTS_MAX: String(2 ** 30) },
  });
  try {
    const holder = await WireConnection.open(service.port);
    const held = holder.request(workerBytes(marks.holds));
    await until('the worker is held', () => service.stderr.includes(batchLine(marks.holds)));

    const leavers = await Promise.all(Array.from({ length: gone }, () => WireConnection.open(service.port)));
    for (const leaver of leavers) leaver.request(drawBytes(marks.watched, { num_samples: 1000, return: ['indices'] }));
    const stayers = await Promise.all(Array.from({ length: 10 }, () => WireConnection.open(service.port)));
    const staying = stayers.map((stayer) => stayer.request(workerBytes()));
    await settleTurns(service);
    // Half of them say goodbye, half just vanish.
    for (const [index, leaver] of leavers.entries()) {
      if (index % 2 === 0) leaver.destroy();
      else leaver.reset();
    }
    await settleTurns(service);
    // The service looks 20 times a second whose clients have gone, also of the few batches that the worker has in
    // advance.
    await pause(500);
    writeFileSync(release, '');

    const answers = await Promise.all([held, ...staying]);
    checks.that(
      'those who stayed were answered with 200',
      answers.every((each) => isReply(each) && each.status === 200),
    );
    // The worker takes batches in order, so the watched ones would have come before this.
    const after = await service.ask(drawBytes(12, { seed: 1 }));
    checks.equal('a draw after that is answered', after.status, 200);
    const computed = service.stderr.filter((line) => line === batchLine(marks.watched)).length;
    checks.equal(`of ${gone} draws whose clients had gone, none was begun`, computed, 0);
    for (const connection of [holder, ...stayers]) connection.destroy();
    checks.equal('it ended with 0', await service.stop(), [0, null]);
    return {
      method: `${gone} clients ask for 665,000 elements each while the only worker is held inside a batch, and close or reset their connections before it goes on; 10 others stay.`,
      tables: [
        {
          headers: ['measure', 'count'],
          rows: [
            ['clients gone', gone],
            ['batches of theirs that a worker began', computed],
            ['clients that stayed, answered with 200', stayers.length],
          ],
        },
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const disconnectsScenario: Scenario = {
  name: 'disconnects',
  title: 'Clients that go away while they wait',
  run,
};
