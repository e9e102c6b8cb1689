/**
 * SIGTERM under load, again and again. The client behaves as the clients of a Kubernetes service do: a load balancer
 * that asks /readyz and looks away once it is told to, and connections that honour Connection: close. Every request
 * that was sent must be answered.
 */
import { percentile } from '../bench/statistics.js';
import { afterSeconds, closedLoop } from './closed-loop.js';
import { connectingStops } from './connecting-stop.js';
import { countOutcomes, OpenLoop } from './open-loop.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { stuckStops } from './stuck-stops.js';
import { pause } from './time.js';

const exitMsMax = 7000;
/** A load balancer looks away after this many times that /readyz was not 200, as Kubernetes does by default. */
const unreadyCount = 3;

interface Round {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly answeredAfterSignal: number;
  readonly exitMs: number;
}

interface Form {
  readonly rounds: number;
  readonly drainDelayMs: number;
  readonly balancerPeriodMs: number;
}

const shortForm: Form = { rounds: 4, drainDelayMs: 500, balancerPeriodMs: 50 };
const fullForm: Form = { rounds: 20, drainDelayMs: 5000, balancerPeriodMs: 250 };

/**
 * A machine so busy that the balancer needs longer than the drain delay shows nothing about the service: such a round
 * is repeated.
 */
const repeatsMax = 10;

/** Asks /readyz as a load balancer does, and resolves when it would look away. */
async function untilUnready(service: Service, periodMs: number): Promise<void> {
  for (let unready = 0; unready < unreadyCount; ) {
    unready = (await service.get('/readyz')) === 200 ? 0 : unready + 1;
    await pause(periodMs);
  }
}

async function round(
  service: Service,
  name: string,
  { rate, form, seed }: { readonly rate: number; readonly form: Form; readonly seed: number },
  checks: Checks,
): Promise<Round | undefined> {
  const load = new OpenLoop({
    port: service.port,
    ratePerSecond: rate,
    seed,
    bytes: workBytes(),
    connectionsMax: 200,
  });
  // Another part of a second each time, so that the signal meets the service in another state.
  await pause(700 + (seed % 7) * 43);
  const signalledMs = performance.now();
  const answeredBefore = load.settled;
  const ended = service.exit.then((exit) => ({ exit, exitMs: performance.now() - signalledMs }));
  service.signal('SIGTERM');
  await untilUnready(service, form.balancerPeriodMs);
  const lookedAwayMs = performance.now() - signalledMs;
  const outcomes = await load.stop();
  const { exit, exitMs } = await ended;
  if (lookedAwayMs > form.drainDelayMs) {
    console.log(`  again   ${name}: the balancer needed ${Math.round(lookedAwayMs)} ms`);
    return undefined;
  }
  const counts = countOutcomes(outcomes);
  const lost = outcomes.filter(({ became }) => became !== 200 && became !== 503);
  checks.that(`${name}: all ${outcomes.length} requests were answered`, lost.length === 0, lost.slice(0, 5));
  checks.equal(`${name}: exit code`, exit, [0, null]);
  checks.timeAtMost(`${name}: from the signal to its end`, exitMs, exitMsMax);
  return {
    sent: outcomes.length,
    answered: counts['200'] ?? 0,
    lost: lost.length,
    answeredAfterSignal: outcomes.length - answeredBefore,
    exitMs,
  };
}

/** What the service sustains, by a closed loop of so many seconds. */
async function rateOf(service: Service, seconds: number): Promise<number> {
  return (await closedLoop(service.port, workBytes(), { connections: 8, isOver: afterSeconds(seconds) })).perSecond;
}

/** Stops a service with this environment again and again, each one at 80 % of what it sustains. */
export async function stopsUnderLoad(
  name: string,
  { full, seed }: Options,
  environment: Readonly<Record<string, string>>,
  checks: Checks,
): Promise<readonly Round[]> {
  const form = full ? fullForm : shortForm;
  const rounds: Round[] = [];
  let rate = 0;
  for (let attempt = 1; rounds.length < form.rounds && attempt <= form.rounds + repeatsMax; attempt++) {
    const drain = { DRAIN_DELAY_MS: String(form.drainDelayMs) };
    const service = await Service.start({ environment: { ...drain, ...environment } });
    const warm = await rateOf(service, 0.5);
    if (rate === 0) rate = 0.8 * Math.max(warm, await rateOf(service, full ? 5 : 1));
    const done = await round(service, `${name} ${rounds.length + 1}`, { rate, form, seed: seed + attempt }, checks);
    if (done) rounds.push(done);
  }
  checks.equal(`${name}: so many rounds came about`, rounds.length, form.rounds);
  return rounds;
}

export function stopRows(rounds: readonly Round[]): (string | number)[][] {
  const exits = rounds.map(({ exitMs }) => exitMs);
  const sum = (of: (round: Round) => number) => rounds.reduce((total, each) => total + of(each), 0);
  return [
    ['requests sent', sum(({ sent }) => sent)],
    ['answered with 200', sum(({ answered }) => answered)],
    ['of all, answered after the signal', sum(({ answeredAfterSignal }) => answeredAfterSignal)],
    ['lost', sum(({ lost }) => lost)],
    ['signal to exit, median ms', percentile(exits, 50)],
    ['signal to exit, longest ms', percentile(exits, 100)],
  ];
}

async function run(options: Options, checks: Checks): Promise<Figures> {
  const { full } = options;
  const form = full ? fullForm : shortForm;
  const rounds = await stopsUnderLoad('SIGTERM', options, {}, checks);
  const stuck = await stuckStops(checks);
  const connecting = await connectingStops(full, checks);
  // One may wait in the kernel when the socket that listens is closed.
  const { stops, reset } = connecting;
  checks.atMost('connections that were reset, one for each stop', reset, stops);
  return {
    method: `SIGTERM at 80 % of the sustainable rate, ${rounds.length} times, DRAIN_DELAY_MS ${form.drainDelayMs}. A balancer asks /readyz every ${form.balancerPeriodMs} ms and sends nothing more once it was told no ${unreadyCount} times; connections honour Connection: close.`,
    tables: [
      {
        headers: ['measure', 'value'],
        rows: stopRows(rounds),
      },
      {
        headers: ['a stop that a worker holds up, ended by', 'exit'],
        rows: stuck.map(({ name, exit }) => [name, exit]),
      },
      {
        headers: ['stops while 16 clients connect without a pause', 'requests', 'reset'],
        rows: [[String(connecting.stops), connecting.requests, connecting.reset]],
      },
    ],
  };
}

export const shutdownScenario: Scenario = {
  name: 'shutdown',
  title: 'Shutdown: SIGTERM at 80 % load',
  run,
};
