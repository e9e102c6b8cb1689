/**
 * Ten times what the service can do, offered in an open loop. What it cannot do it refuses at once with 503 and
 * Retry-After; what it accepts it does as fast as ever; and when the load ends it is as before.
 */
import { percentile } from '../bench/statistics.js';
import { afterSeconds, closedLoop } from './closed-loop.js';
import { countOutcomes, latenciesOf, OpenLoop } from './open-loop.js';
import type { Outcome } from './outcome-log.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { every, pause, until } from './time.js';

/** How many times the sustainable rate is offered; the short form leaves a busy machine some time to refuse. */
const timesOver = { full: 10, short: 4 } as const;
const recoveryMsMax = 1000;
/** A refusal later than this is late. */
const refusalMsMax = 50;
/**
 * The first moments of an overload are shown apart: refusing is code that has never run before, and the client
 * connects.
 */
const onsetSeconds = 2;
/** The queue, the bodies that arrive and the replies that leave, with room for the garbage collector. */
const growthMiBMax = 400;

interface Phase {
  readonly name: string;
  readonly ratePerSecond: number;
  readonly startMs: number;
  readonly seconds: number;
  readonly outcomes: readonly Outcome[];
}

async function offer(service: Service, name: string, ratePerSecond: number, seconds: number, seed: number) {
  // Below the service's own limit of connections, so that probes find one.
  const startMs = performance.now();
  const load = new OpenLoop({ port: service.port, ratePerSecond, seed, bytes: workBytes(), connectionsMax: 900 });
  await pause(seconds * 1000);
  return { name, ratePerSecond, startMs, seconds, outcomes: await load.stop() };
}

/** Milliseconds until a request is accepted and answered again. */
async function recover(service: Service): Promise<number> {
  const startMs = performance.now();
  await until('a request is accepted again', async () => (await service.ask(workBytes())).status === 200);
  return performance.now() - startMs;
}

function phaseRow({ name, ratePerSecond, seconds, outcomes }: Phase): (string | number)[] {
  const accepted = latenciesOf(outcomes, 200);
  const refused = latenciesOf(outcomes, 503);
  const milliseconds = (latencies: number[], p: number) => (latencies.length > 0 ? percentile(latencies, p) : '-');
  return [
    name,
    ratePerSecond,
    accepted.length / seconds,
    milliseconds(accepted, 50),
    milliseconds(accepted, 99),
    refused.length,
    milliseconds(refused, 50),
    milliseconds(refused, 99),
    milliseconds(refused, 100),
    refused.filter((latencyMs) => latencyMs > refusalMsMax).length,
  ];
}

/** The outcomes of a phase that were scheduled from `fromSeconds` to `toSeconds` of it. */
function within(phase: Phase, name: string, fromSeconds: number, toSeconds: number): Phase {
  const outcomes = phase.outcomes.filter(({ scheduledMs }) => {
    const second = (scheduledMs - phase.startMs) / 1000;
    return second >= fromSeconds && second < toSeconds;
  });
  return { ...phase, name, seconds: toSeconds - fromSeconds, outcomes };
}

function checkOutcomes(checks: Checks, { name, outcomes }: Phase, allowed: readonly string[]): void {
  const counts = countOutcomes(outcomes);
  checks.that(
    `${name}: every one of ${outcomes.length} requests got ${allowed.join(' or ')}`,
    Object.keys(counts).every((became) => allowed.includes(became)),
    counts,
  );
  const unfit = outcomes.filter(({ became, retryAfter }) => became === 503 && !retryAfter).length;
  checks.equal(`${name}: every 503 had Retry-After`, unfit, 0);
}

async function run(options: Options, checks: Checks): Promise<Figures> {
  const { full, seed } = options;
  const times = full ? timesOver.full : timesOver.short;
  const service = await Service.start();
  await closedLoop(service.port, workBytes(), { connections: 8, isOver: afterSeconds(full ? 3 : 1) });
  const peak = await closedLoop(service.port, workBytes(), { connections: 8, isOver: afterSeconds(full ? 10 : 2) });
  checks.equal('in a closed loop every request got 200', Object.keys(peak.statuses), ['200']);

  const calm = await offer(service, 'at 80 %', 0.8 * peak.perSecond, full ? 20 : 4, seed);
  checkOutcomes(checks, calm, ['200', '503']);
  const before = service.memory();

  const probes: number[] = [];
  let peakMiB = 0;
  const stopProbes = every(250, async () => {
    for (const path of ['/livez', '/readyz']) probes.push(await service.get(path));
    peakMiB = Math.max(peakMiB, service.memory().residentMiB);
  });
  const storm = await offer(service, `at ${times} x`, times * peak.perSecond, full ? 60 : 8, seed + 1);
  const recoveryMs = await recover(service);
  await stopProbes();
  checkOutcomes(checks, storm, ['200', '503']);
  checks.that(
    'overloaded: some requests were refused, so it was an overload',
    (countOutcomes(storm.outcomes)['503'] ?? 0) > 0,
  );
  checks.that('probes were never shed', probes.length > 0 && probes.every((status) => status === 200), probes);
  checks.atMost('growth of resident memory', peakMiB - before.residentMiB, growthMiBMax, ' MiB');
  checks.timeAtMost('from its end to a request that is accepted', recoveryMs, recoveryMsMax);

  const after = await offer(service, 'at 80 % again', 0.8 * peak.perSecond, full ? 10 : 3, seed + 2);
  checkOutcomes(checks, after, ['200', '503']);
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);

  const goodput = latenciesOf(storm.outcomes, 200).length / storm.seconds;
  return {
    method:
      `Requests of 1x1000 with num_samples 1000 and indices: a million elements each. The sustainable rate is that of 8 connections in a closed loop: ${Math.round(peak.perSecond)} a second. ` +
      'Latencies count from the time the schedule of an open loop has for a request.',
    tables: [
      {
        headers: [
          'load',
          'offered/s',
          '200/s',
          'p50 ms',
          'p99 ms',
          '503s',
          '503 p50 ms',
          '503 p99 ms',
          '503 max ms',
          `503s after ${refusalMsMax} ms`,
        ],
        rows: [
          calm,
          within(storm, `at ${times} x, first ${onsetSeconds} s`, 0, onsetSeconds),
          within(storm, `at ${times} x, the rest`, onsetSeconds, storm.seconds),
          after,
        ].map(phaseRow),
      },
      {
        headers: ['measure', 'value'],
        rows: [
          [`goodput at ${times} x, of the peak`, goodput / peak.perSecond],
          [`p99 of accepted at ${times} x, times that at 80 %`, ratioOfP99(storm, calm)],
          ['end of the overload to the next 200, ms', recoveryMs],
          ['resident before, MiB', before.residentMiB],
          ['resident at most, MiB', peakMiB],
        ],
      },
    ],
  };
}

function ratioOfP99(storm: Phase, calm: Phase): number {
  return percentile(latenciesOf(storm.outcomes, 200), 99) / percentile(latenciesOf(calm.outcomes, 200), 99);
}

export const overloadScenario: Scenario = {
  name: 'overload',
  title: 'Overload: many times the sustainable rate',
  run,
};
