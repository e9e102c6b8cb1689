/**
 * Several processes behind one port: one is killed, runs out of memory or gets stuck under load; all are stopped,
 * interrupted, and left by their primary. A process that dies costs the requests that it had in flight, and nobody is
 * refused.
 */
import { percentile } from '../bench/statistics.js';
import { marks } from './preload/marks.js';
import { drawBytes, smallBytes, workBytes, workerBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service, type StartOptions } from './service.js';
import { stopRows, stopsUnderLoad } from './shutdown.js';
import { pause, until } from './time.js';
import { isReply, WireConnection } from './wire.js';

const two = { PROCESSES: '2', WORKERS: '2' };
const clients = 16;
/** One more within a minute ends the service. */
const killsMax = 4;
const undisturbedMs = 700;
const watchdogMs = 1500;
const heapMiB = 160;
const endMsMax = 20_000;

function startTwo(environment: Record<string, string> = {}, more: StartOptions = {}): Promise<Service> {
  return Service.start({ environment: { ...two, ...environment }, ...more });
}

/** Lines of the log that say that a process replaces a lost one of another. */
function replaced({ log }: Service): number[] {
  return log.filter(({ msg }) => String(msg).startsWith('a process replaces a lost one')).map(({ pid }) => Number(pid));
}

/** The processes that are there, by what the log says of them. */
function pidsOf(service: Service): number[] {
  const { log } = service;
  const first = log.find(({ msg }) => String(msg).startsWith('serving at'))?.pids as number[];
  const lost = log.filter(({ msg }) => msg === 'a process was lost').map(({ pid }) => pid);
  return [...first, ...replaced(service)].filter((pid) => !lost.includes(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface Told {
  answered: number;
  /** Replies of another status. */
  others: number;
  /** Connections that ended before the reply. */
  lost: number;
  refused: number;
}

/** Clients that ask without a pause and connect again when their connection ends. */
function load(port: number, bytes: Buffer): { readonly told: Told; readonly stop: () => Promise<void> } {
  const told: Told = { answered: 0, others: 0, lost: 0, refused: 0 };
  let over = false;
  const client = async () => {
    while (!over) {
      const connection = await WireConnection.open(port).catch(() => undefined);
      if (!connection) {
        told.refused += 1;
        await pause(10);
        continue;
      }
      do {
        const answer = await connection.request(bytes);
        if (!isReply(answer)) told.lost += 1;
        else if (answer.status === 200) told.answered += 1;
        else told.others += 1;
      } while (!over && connection.reusable);
      connection.destroy();
    }
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    told,
    stop: async () => {
      over = true;
      await all;
    },
  };
}

interface Deaths extends Told {
  count: number;
  /** From the death to the line that says that another serves, for deaths without another in the minute before. */
  readonly firstMs: number[];
  readonly laterMs: number[];
}

interface DeathOptions {
  readonly environment?: Record<string, string>;
  readonly more?: StartOptions;
  /** Replies but 200 that each client may get for a death. */
  readonly othersMax?: number;
}

/** Has one process after another die in this way, a few times in each service, under load. */
async function deaths(
  name: string,
  count: number,
  die: (service: Service, pid: number) => Promise<void> | void,
  { environment, more = {}, othersMax = 0 }: DeathOptions,
  checks: Checks,
): Promise<Deaths> {
  const sum: Deaths = { count: 0, firstMs: [], laterMs: [], answered: 0, others: 0, lost: 0, refused: 0 };
  while (sum.count < count) {
    const service = await startTwo(environment, more);
    const { told, stop } = load(service.port, smallBytes());
    const deathsHere = Math.min(killsMax, count - sum.count);
    for (let death = 1; death <= deathsHere; death++) {
      await pause(undisturbedMs);
      const lostBefore = told.lost;
      const pids = pidsOf(service);
      const diedMs = performance.now();
      await die(service, pids[death % pids.length] as number);
      await until('another process serves', () => replaced(service).length === death, endMsMax);
      (death === 1 ? sum.firstMs : sum.laterMs).push(performance.now() - diedMs);
      const lost = told.lost - lostBefore;
      checks.atMost(`${name} ${sum.count + death}: lost requests, one of each client`, lost, clients);
    }
    const { answered } = told;
    await until('they go on', () => told.answered > answered + 100);
    await stop();
    checks.equal(`${name}: nobody was refused`, told.refused, 0);
    const may = othersMax * clients * deathsHere;
    checks.atMost(`${name}: replies that were not 200`, told.others, may);
    checks.equal(`${name}: ready`, await service.get('/readyz'), 200);
    checks.equal(`${name}: it ended with 0`, await service.stop(), [0, null]);
    sum.count += deathsHere;
    for (const key of ['answered', 'others', 'lost', 'refused'] as const) sum[key] += told[key];
  }
  return sum;
}

function deathRow(name: string, { count, answered, lost, refused, others, firstMs, laterMs }: Deaths) {
  const longest = (all: number[]) => (all.length === 0 ? '-' : percentile(all, 100));
  return [name, count, answered, lost, others, refused, longest(firstMs), longest(laterMs)];
}

/** The batch that a worker never ends: its caller is told so, and the process ends by itself. */
async function hangOne({ port, stderr }: Service): Promise<void> {
  const before = stderr.length;
  const connection = await WireConnection.open(port);
  void connection.request(workerBytes(marks.hangs)).then(() => connection.destroy());
  await until('the worker has the batch', () => stderr.length > before);
}

/** A signal that reaches every process at once, as from a terminal or a manager of control groups. */
async function interrupt(checks: Checks): Promise<string> {
  const service = await startTwo({ DRAIN_DELAY_MS: '500' });
  const { told, stop } = load(service.port, workBytes());
  await pause(undisturbedMs);
  const pids = pidsOf(service);
  for (const pid of [...pids, service.pid]) process.kill(pid, 'SIGINT');
  await until('it is unready', async () => (await service.get('/readyz')) === 503);
  await stop();
  const exit = await service.exit;
  checks.equal('interrupt: exit code', exit, [0, null]);
  checks.equal('interrupt: no request was lost', [told.lost, told.refused], [0, 0]);
  checks.that('interrupt: no process is left', !pids.some(isAlive));
  return String(exit[0] ?? exit[1]);
}

/** A primary that is killed: no process outlives it for long, and what they had is answered. */
async function orphans(checks: Checks): Promise<{ readonly answered: number; readonly endMs: number }> {
  const service = await startTwo();
  const pids = pidsOf(service);
  const connections = await Promise.all(Array.from({ length: 8 }, () => WireConnection.open(service.port)));
  const large = drawBytes(1000, { num_samples: 20_000, return: ['indices'] });
  const inFlight = connections.map((connection) => connection.request(large));
  // This reply comes after they have begun.
  await service.get('/livez');
  await service.get('/livez');
  const killedMs = performance.now();
  service.signal('SIGKILL');
  const answers = await Promise.all(inFlight);
  const told = answers.map((answer) => (isReply(answer) ? answer.status : answer.closed));
  checks.that(
    'primary killed: what was in flight was answered',
    told.every((each) => each === 200),
    told,
  );
  for (const connection of connections) connection.destroy();
  await until('no process is left', () => !pids.some(isAlive), endMsMax);
  return { answered: told.length, endMs: performance.now() - killedMs };
}

/** Processes that die as fast as they are replaced: the orchestrator is told. */
async function endless(checks: Checks): Promise<string> {
  const service = await startTwo();
  const { told, stop } = load(service.port, smallBytes());
  const kill = setInterval(() => {
    const isStopping = service.log.some(({ msg }) => String(msg).startsWith('processes die'));
    const [pid] = pidsOf(service);
    if (!isStopping && pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
  }, 500);
  const exit = await service.exit;
  clearInterval(kill);
  await stop();
  checks.equal('deaths without end: exit code', exit, [70, null]);
  // Five deaths, and those who wait for a process when the service ends.
  checks.atMost('deaths without end: lost requests, six of each client', told.lost, 6 * clients);
  return String(exit[0] ?? exit[1]);
}

async function run(options: Options, checks: Checks): Promise<Figures> {
  const { full } = options;
  const kill = (_service: Service, pid: number) => void process.kill(pid, 'SIGKILL');
  const killed = await deaths('killed', full ? 20 : 2, kill, {}, checks);
  const fill = (_service: Service, pid: number) => void process.kill(pid, 'SIGUSR2');
  const small = { preload: 'heap-full', nodeOptions: `--max-old-space-size=${heapMiB}` };
  const full1 = await deaths('out of memory', full ? 4 : 1, fill, { more: small }, checks);
  // The draw that waits behind the stuck one is told so, and one more on the same connection.
  const hanging = {
    environment: { WATCHDOG_MS: String(watchdogMs) },
    more: { preload: 'worker-faults' },
    othersMax: 2,
  };
  const hung = await deaths('watchdog', full ? 4 : 1, hangOne, hanging, checks);
  const stops = await stopsUnderLoad('SIGTERM to two processes', options, two, checks);
  const interrupted = await interrupt(checks);
  const { answered, endMs } = await orphans(checks);
  const ended = await endless(checks);
  return {
    method: `Two processes of one worker each. ${clients} clients draw 1x10 without a pause, each on a connection that it keeps, and connect again when it ends; one process after the other dies, ${killsMax} times in a service at most. WATCHDOG_MS is ${watchdogMs}. SIGTERM as above, with the same load and balancer.`,
    tables: [
      {
        headers: [
          'a process',
          'times',
          'answered with 200',
          'lost with it',
          'told 503',
          'refused',
          'first death: longest to its replacement, ms',
          'later ones, with their delay of 1, 2 and 4 s, ms',
        ],
        rows: [
          deathRow('killed (SIGKILL)', killed),
          deathRow('out of memory', full1),
          deathRow('with a stuck worker', hung),
        ],
      },
      { headers: ['SIGTERM at 80 % load', 'value'], rows: stopRows(stops) },
      {
        headers: ['what', 'outcome'],
        rows: [
          ['SIGINT to every process at once, under load', `exit ${interrupted}, nothing lost`],
          ['primary killed: large draws in flight that were answered', answered],
          ['primary killed: until no process is left, ms', endMs],
          ['five deaths within a minute', `exit ${ended}`],
        ],
      },
    ],
  };
}

export const processesScenario: Scenario = {
  name: 'processes',
  title: 'Several processes: deaths, stops, and a primary that is killed',
  run,
};
