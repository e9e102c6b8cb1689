/**
 * Ends, at any time and in any way: one to four signals at random moments, from the first millisecond of the process
 * on, with draws under way or not, with a log that is read, stalls or has lost its reader, and with errors that come
 * while it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { memoryMiB } from '../bench/memory.js';
import { cpuMs } from './cpu.js';
import { Random } from './mutate/random.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';
import { WireConnection } from './wire.js';

const entry = fileURLToPath(new URL('../src/server.js', import.meta.url));
const preload = new URL('./preload/ending.js', import.meta.url).href;

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
const faults = ['none', 'rejections', 'timer'] as const;
const logs = ['read', 'stalled', 'without a reader'] as const;
const moments = ['start', 'idle', 'draws'] as const;

/**
 * Of CPU from the first signal to the end, in starts of a service: one may be finished first, and the log takes less
 * than another.
 */
const startsMax = 4;
/** What a process that spins allocates in a second or two; a start that is finished first is let off. */
const grownMiBMax = 60;
const endMsMax = 30_000;

interface Plan {
  readonly moment: (typeof moments)[number];
  readonly log: (typeof logs)[number];
  readonly fault: (typeof faults)[number];
  readonly startMs: number;
  readonly signals: readonly { readonly signal: (typeof signals)[number]; readonly afterMs: number }[];
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly forced: boolean;
  readonly usedMs: number;
  readonly grownMiB: number;
}

function planOf(random: Random): Plan {
  const afterMs = () => random.pick([0, 0, random.between(1, 20), random.between(20, 1200)]);
  return {
    moment: random.pick(moments),
    log: random.pick(logs),
    fault: random.pick(faults),
    startMs: random.between(0, 800),
    signals: Array.from({ length: random.between(1, 4) }, () => ({ signal: random.pick(signals), afterMs: afterMs() })),
  };
}

/** What the process has used, looked at until it has gone. */
async function watch(child: ChildProcess): Promise<Pick<End, 'usedMs' | 'grownMiB' | 'forced'>> {
  const pid = child.pid as number;
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  const endMs = performance.now() + endMsMax;
  let first: { readonly usedMs: number; readonly residentMiB: number } | undefined;
  let usedMs = 0;
  let grownMiB = 0;
  while (!gone()) {
    if (performance.now() > endMs) {
      child.kill('SIGKILL');
      return { usedMs, grownMiB, forced: true };
    }
    try {
      const now = { usedMs: cpuMs(pid).process, residentMiB: memoryMiB(pid).residentMiB };
      first ??= now;
      usedMs = Math.max(usedMs, now.usedMs - first.usedMs);
      grownMiB = Math.max(grownMiB, now.residentMiB - first.residentMiB || 0);
    } catch {
      // It has gone between two looks.
    }
    await pause(10);
  }
  return { usedMs, grownMiB, forced: false };
}

/** Waits until it serves, and makes the moment and the log of the plan. */
async function prepare(child: ChildProcess, { moment, log, startMs }: Plan): Promise<() => void> {
  const stdout = child.stdout as NonNullable<ChildProcess['stdout']>;
  let text = '';
  stdout.on('data', (chunk) => {
    if (text.length < 10_000) text += chunk;
  });
  const connections: WireConnection[] = [];
  if (moment === 'start') await pause(startMs);
  else {
    await until('it serves', () => /serving at \S+:\d+/.test(text));
    const port = Number(/serving at \S+:(\d+)/.exec(text)?.[1]);
    for (let at = 0; moment === 'draws' && at < 4; at++) {
      const connection = await WireConnection.open(port);
      connections.push(connection);
      void connection.request(workBytes());
    }
  }
  if (log === 'stalled') stdout.pause();
  if (log === 'without a reader') stdout.destroy();
  return () => {
    for (const connection of connections) connection.destroy();
  };
}

async function endBy(plan: Plan): Promise<End> {
  const environment = { HOST: '127.0.0.1', PORT: '0', WORKERS: '1', LOG_LEVEL: 'debug', SHUTDOWN_TIMEOUT_MS: '3000' };
  const child = spawn(process.execPath, [`--import=${preload}`, entry], {
    env: { ...process.env, ...environment, FAULT: plan.fault },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const leave = await prepare(child, plan);
  const watched = watch(child);
  for (const { signal, afterMs } of plan.signals) {
    if (afterMs > 0) await pause(afterMs);
    child.kill(signal);
  }
  const [code, signal] = await exit;
  leave();
  process.removeListener('exit', kill);
  return { code, signal, ...(await watched) };
}

/**
 * Whether the plan allows this end. By one of its signals: before the first line of the service, or while the program
 * is being replaced, they do what they do to any process. By SIGKILL: before Node.js 22.15, while a worker is inside
 * ONNX Runtime.
 */
function allowed({ code, signal }: End, plan: Plan): boolean {
  const sent = plan.signals.map(({ signal }) => signal);
  if (signal !== null) return sent.includes(signal as never) || (signal === 'SIGKILL' && !('execve' in process));
  // Of signals sent at once the kernel delivers the lowest first, so the first sent may come second.
  const second = sent.length > 1 ? sent.map((name) => 128 + constants.signals[name]) : [];
  const codes = [0, ...second, ...(plan.fault === 'rejections' ? [70] : [])];
  return codes.includes(code as number);
}

/** What a service uses of the CPU until it serves. */
async function startCpuMs(): Promise<number> {
  const service = await Service.start();
  const { process: ms } = cpuMs(service.pid);
  await service.stop();
  return ms;
}

async function run({ full, seed }: Options, checks: Checks): Promise<Figures> {
  const rounds = full ? 100 : 16;
  const startMs = await startCpuMs();
  const ends: { readonly plan: Plan; readonly end: End }[] = [];
  for (let round = 0; round < rounds; round++) {
    const plan = planOf(new Random(seed, round));
    ends.push({ plan, end: await endBy(plan) });
  }
  const wrong = (is: (end: End, plan: Plan) => boolean) => ends.filter(({ plan, end }) => is(end, plan));
  const none = (sentence: string, found: unknown[]) => checks.that(sentence, found.length === 0, found);
  none(
    'every process ended by itself',
    wrong(({ forced }) => forced),
  );
  none(
    'each with a code that its signals allow',
    wrong((end, plan) => !allowed(end, plan)),
  );
  const mostStarts = Math.max(...ends.map(({ end }) => end.usedMs)) / startMs;
  checks.atMost('CPU that one used for it, in starts of a service', mostStarts, startsMax);
  none(
    `none that served grew by more than ${grownMiBMax} MiB`,
    wrong(({ grownMiB }, { moment }) => moment !== 'start' && grownMiB > grownMiBMax),
  );
  const how = ({ code, signal }: End) => String(code ?? signal);
  const kinds = [...new Set(ends.map(({ end }) => how(end)))].sort();
  const most = (moment: string, of: (end: End) => number) =>
    Math.max(...ends.filter(({ plan }) => plan.moment === moment).map(({ end }) => of(end)), 0);
  return {
    method: `${rounds} processes, each sent one to four signals (${signals.join(', ')}) at random moments, seed ${seed}: while it starts, idle or with draws under way; its log read, stalled or without a reader; with nothing else, a promise rejected each millisecond, or a timer without end.`,
    tables: [
      {
        headers: ['exit code or signal', 'processes'],
        rows: kinds.map((kind) => [kind, ends.filter(({ end }) => how(end) === kind).length]),
      },
      {
        headers: ['first signal', 'most CPU from there to the end, ms', 'most memory gained, MiB'],
        rows: moments.map((moment) => [
          moment,
          most(moment, ({ usedMs }) => usedMs),
          most(moment, ({ grownMiB }) => grownMiB),
        ]),
      },
    ],
  };
}

export const endingScenario: Scenario = { name: 'ending', title: 'Ends at any moment', run };
