/**
 * Worker threads that throw, run out of heap and hang. A lost worker fails only the batch it held and is replaced,
 * while other callers notice nothing; many losses make the service unready; a worker that never comes back ends the
 * process with code 70.
 */
import { type ClosedLoopResult, closedLoop } from './closed-loop.js';
import { marks } from './preload/marks.js';
import { smallBytes, workerBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service, type StartOptions } from './service.js';
import { pause, until } from './time.js';
import { type Answer, headerOf, isReply, WireConnection } from './wire.js';

/** Fills its heap within a second, and leaves the main thread plenty. */
const heapMiB = 128;
const lossesToUnready = 5;
const software = 70;
const undisturbedMs = 500;
const watchdogMs = 1500;
const exitMsMax = 20_000;

function startWith(environment: Record<string, string>, more: StartOptions = {}): Promise<Service> {
  return Service.start({ preload: 'worker-faults', environment, ...more });
}

async function answerOf(service: Service, bytes: Buffer): Promise<Answer> {
  const connection = await WireConnection.open(service.port);
  const answer = await connection.request(bytes);
  connection.destroy();
  return answer;
}

/** What a caller was told: its status, the code of a problem, or how the connection ended. */
function told(answer: Answer): string {
  if (!isReply(answer)) return answer.closed;
  const type = /"type":"\/problems\/([a-z-]+)"/.exec(answer.body.toString())?.[1];
  return type === undefined ? String(answer.status) : `${answer.status} ${type}`;
}

function lossesIn({ log }: Service): number {
  return log.filter(({ msg }) => String(msg).includes('worker thread was lost')).length;
}

interface Losses {
  /** What the callers of the lost batches were told. */
  readonly told: readonly string[];
  readonly others: ClosedLoopResult;
  readonly recoveryMs: readonly number[];
}

/** Callers of other shapes go on while workers are lost one after another. */
async function losses(mark: 'throws' | 'exhausts', count: number, checks: Checks): Promise<Losses> {
  const service = await startWith({ WORKERS: '2' }, { nodeOptions: `--max-old-space-size=${heapMiB}` });
  let over = false;
  const others = closedLoop(service.port, workerBytes(), { connections: 4, isOver: () => over });
  await pause(undisturbedMs);
  const recoveryMs: number[] = [];
  const toldCallers: string[] = [];
  for (let loss = 1; loss <= count; loss++) {
    const answer = await answerOf(service, workerBytes(marks[mark]));
    const lostMs = performance.now();
    toldCallers.push(told(answer));
    checks.equal(`${mark} ${loss}: its caller was told so`, toldCallers.at(-1), '503 worker-lost');
    checks.that(`${mark} ${loss}: with Retry-After`, isReply(answer) && headerOf(answer, 'retry-after') !== undefined);
    await until('a draw is answered again', async () => told(await answerOf(service, workerBytes())) === '200');
    recoveryMs.push(performance.now() - lostMs);
    await until('the log names the loss', () => lossesIn(service) >= loss);
  }
  over = true;
  const result = await others;
  checks.equal(`${mark}: other callers saw only 200`, Object.keys(result.statuses), ['200']);
  checks.equal(`${mark}: one worker was lost each time`, lossesIn(service), count);
  checks.equal(`${mark}: still ready`, await service.get('/readyz'), 200);
  checks.equal(`${mark}: it ended with 0`, await service.stop(), [0, null]);
  return { told: toldCallers, others: result, recoveryMs };
}

/** With a single worker, what waits behind a lost batch is drawn by the replacement. */
async function replacement(checks: Checks): Promise<void> {
  const service = await startWith({ WORKERS: '1' });
  const fatal = answerOf(service, workerBytes(marks.throws));
  const waiting = await Promise.all(Array.from({ length: 20 }, () => answerOf(service, workerBytes())));
  checks.equal('one worker: the caller of the lost batch was told so', told(await fatal), '503 worker-lost');
  checks.that(
    'one worker: all who waited were answered with 200',
    waiting.every((each) => told(each) === '200'),
    waiting.map(told),
  );
  checks.equal('one worker: it ended with 0', await service.stop(), [0, null]);
}

/** Workers that are lost again and again make the service unready, so that an orchestrator looks at it. */
async function manyLosses(checks: Checks): Promise<void> {
  const service = await startWith({ WORKERS: '1' });
  for (let loss = 1; loss <= lossesToUnready; loss++) {
    checks.equal(`many losses: ready before loss ${loss}`, await service.get('/readyz'), 200);
    await answerOf(service, workerBytes(marks.throws));
    await until('the log names the loss', () => lossesIn(service) >= loss);
    await until('a worker is there', async () => told(await answerOf(service, workerBytes())) === '200');
  }
  checks.equal(`${lossesToUnready} losses within a minute: unready`, await service.get('/readyz'), 503);
  checks.equal('unready, but alive', await service.get('/livez'), 200);
  checks.equal('unready, but it draws', told(await answerOf(service, workerBytes())), '200');
  checks.equal('many losses: it ended with 0', await service.stop(), [0, null]);
}

/** A worker that never comes back: everybody is told, and the process ends so that it is replaced. */
async function hang(workers: number, checks: Checks): Promise<{ readonly code: string; readonly exitMs: number }> {
  const name = `hangs, ${workers} worker${workers === 1 ? '' : 's'}`;
  const service = await startWith({ WORKERS: String(workers), WATCHDOG_MS: String(watchdogMs) });
  const stuck = answerOf(service, workerBytes(marks.hangs));
  await until('the worker has the batch', () => service.stderr.length > 0);
  const startMs = performance.now();
  // Beside another worker, larger draws would go to the stuck one in advance.
  const bytes = workers === 1 ? workerBytes() : smallBytes();
  const others = Array.from({ length: 20 }, () => answerOf(service, bytes));
  const force = setTimeout(() => service.signal('SIGKILL'), exitMsMax);
  const exit = await service.exit;
  clearTimeout(force);
  const exitMs = performance.now() - startMs;
  checks.equal(`${name}: exit code`, exit, [software, null]);
  checks.equal(`${name}: the caller of the stuck batch was told so`, told(await stuck), '503 worker-lost');
  const allowed = workers === 1 ? ['503 worker-lost', '503 draining'] : ['200'];
  const toldOthers = [...new Set((await Promise.all(others)).map(told))];
  checks.that(
    `${name}: the others got ${allowed.join(' or ')}`,
    toldOthers.every((each) => allowed.includes(each)),
    toldOthers,
  );
  return { code: String(exit[0] ?? exit[1]), exitMs };
}

function lossRow(fault: string, { told, others: { statuses }, recoveryMs }: Losses): (string | number)[] {
  const { 200: answered = 0, ...rest } = statuses;
  const otherReplies = Object.values(rest).reduce((sum, count) => sum + count, 0);
  const lost = told.filter((each) => each === '503 worker-lost').length;
  return [fault, told.length, lost, answered, otherReplies, Math.max(...recoveryMs)];
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  // Fewer than make the service unready.
  const count = full ? lossesToUnready - 1 : 2;
  const thrown = await losses('throws', count, checks);
  const exhausted = await losses('exhausts', count, checks);
  await replacement(checks);
  await manyLosses(checks);
  const alone = await hang(1, checks);
  const beside = await hang(2, checks);
  return {
    method: `Two workers; a module loaded into them makes the batch of a chosen request throw or fill a heap of ${heapMiB} MiB, ${count} times each, beside 4 connections of 1x10 draws in a closed loop. Then one that hangs, with WATCHDOG_MS ${watchdogMs}.`,
    tables: [
      {
        headers: [
          'fault',
          'times',
          'told 503 worker-lost',
          'draws beside it, 200',
          'other replies',
          'longest to the next 200, ms',
        ],
        rows: [lossRow('throws', thrown), lossRow('out of heap', exhausted)],
      },
      {
        headers: ['a worker hangs', 'exit code', 'batch to exit, ms'],
        rows: [
          ['the only one', alone.code, alone.exitMs],
          ['one of two', beside.code, beside.exitMs],
        ],
      },
    ],
  };
}

export const workersScenario: Scenario = {
  name: 'workers',
  title: 'Workers that throw, run out of heap and hang',
  run,
};
