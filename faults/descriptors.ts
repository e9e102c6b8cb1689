/**
 * Few open files: more connections than the process may have. It refuses some, and is itself again once they have gone.
 */
import { smallBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';
import { isReply, WireConnection } from './wire.js';

const descriptorsMax = 64;
const connections = 200;

interface Crowd {
  readonly answered: number;
  readonly refused: number;
  readonly waiting: number;
}

/** All connect and ask at once; those that get no place are closed, or wait until the crowd has gone. */
async function crowd(service: Service): Promise<Crowd> {
  const opened = await Promise.allSettled(Array.from({ length: connections }, () => WireConnection.open(service.port)));
  const open = opened.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
  const pending = Symbol('pending');
  const answers = open.map((connection) => connection.request(smallBytes()));
  await pause(1000);
  const seen = await Promise.all(answers.map((answer) => Promise.race([answer, Promise.resolve(pending)])));
  for (const connection of open) connection.destroy();
  const answered = seen.filter((each) => typeof each !== 'symbol' && isReply(each) && each.status === 200).length;
  const waiting = seen.filter((each) => each === pending).length;
  return { answered, waiting, refused: connections - answered - waiting };
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const crowds: Crowd[] = [];
  const service = await Service.start();
  service.limitDescriptors(descriptorsMax);
  for (let round = 1; round <= (full ? 10 : 3); round++) {
    crowds.push(await crowd(service));
    checks.that(`crowd ${round}: the process still runs`, service.running);
    await until('the connections have gone', () => service.descriptors() < descriptorsMax - 8);
    const statuses = await Promise.all(Array.from({ length: 5 }, async () => (await service.ask(smallBytes())).status));
    checks.equal(`crowd ${round}: once it has gone, draws get 200`, statuses, [200, 200, 200, 200, 200]);
    checks.equal(`crowd ${round}: and it is ready`, await service.get('/readyz'), 200);
  }
  checks.that(
    'there were more than the process could take',
    crowds.some(({ answered }) => answered < connections),
    crowds,
  );
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  return {
    method: `The service may have ${descriptorsMax} open files; ${connections} clients connect and ask at once, and leave again.`,
    tables: [
      {
        headers: ['crowd', 'answered with 200', 'closed without a reply', 'still waiting when they left'],
        rows: crowds.map(({ answered, refused, waiting }, index) => [String(index + 1), answered, refused, waiting]),
      },
    ],
  };
}

export const descriptorsScenario: Scenario = {
  name: 'descriptors',
  title: 'Too few file descriptors',
  run,
};
