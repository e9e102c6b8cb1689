/**
 * What each protection against an overload buys by itself: a storm meets a replica that has just started, once with
 * everything and once without each. What buys nothing here has no place in the service.
 */
import { median, percentile } from '../bench/statistics.js';
import { afterSeconds, closedLoop } from './closed-loop.js';
import { countOutcomes, latenciesOf, OpenLoop } from './open-loop.js';
import type { Outcome } from './outcome-log.js';
import { workBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause } from './time.js';

const protections = ['load shedding', 'warm-up', 'niceness'] as const;

/** How many times the sustainable rate is offered; the short form leaves a busy machine some time to refuse. */
const timesOver = { full: 10, short: 4 } as const;
/** Replicas of each kind that are met with a storm: how late the latest refusals are differs from start to start. */
const starts = { full: 7, short: 1 } as const;
const stormSeconds = { full: 6, short: 2 } as const;
/**
 * What a request may get. Without one of the protections it may wait unread for as long as its headers may take to
 * arrive.
 */
const allowed = { whole: ['200', '503'], without: ['200', '503', '408'] } as const;
/** A refusal later than this is late. */
const refusalMsMax = 50;

interface Storm {
  readonly without: string;
  readonly seconds: number;
  readonly outcomes: readonly Outcome[];
}

function start(without: string): Promise<Service> {
  return without === 'nothing'
    ? Service.start()
    : Service.start({ preload: 'without', environment: { WITHOUT: without } });
}

async function storm(without: string, ratePerSecond: number, seconds: number, seed: number): Promise<Storm> {
  const service = await start(without);
  const load = new OpenLoop({ port: service.port, ratePerSecond, seed, bytes: workBytes(), connectionsMax: 900 });
  await pause(seconds * 1000);
  const outcomes = await load.stop();
  await service.stop();
  return { without, seconds, outcomes };
}

function rowOf(without: string, storms: readonly Storm[]): (string | number)[] {
  const own = storms.filter((each) => each.without === without);
  const refused = own.map(({ outcomes }) => latenciesOf(outcomes, 503));
  const late = refused.map((latencies) => latencies.filter((latencyMs) => latencyMs > refusalMsMax).length);
  return [
    without,
    own.length,
    median(own.map(({ outcomes, seconds }) => latenciesOf(outcomes, 200).length / seconds)),
    median(own.map(({ outcomes }) => percentile(latenciesOf(outcomes, 200), 99))),
    median(refused.map(({ length }) => length)),
    median(refused.map((latencies) => percentile(latencies, 99))),
    median(refused.map((latencies) => percentile(latencies, 100))),
    median(late),
    Math.max(...late),
  ];
}

async function run({ full, seed }: Options, checks: Checks): Promise<Figures> {
  const form = full ? 'full' : 'short';
  const probe = await Service.start();
  await closedLoop(probe.port, workBytes(), { connections: 8, isOver: afterSeconds(1) });
  const peak = await closedLoop(probe.port, workBytes(), { connections: 8, isOver: afterSeconds(full ? 5 : 2) });
  await probe.stop();
  const kinds = ['nothing', ...protections];
  const storms: Storm[] = [];
  // In turn, so that what else the machine does meets all of them.
  for (let round = 0; round < starts[form]; round++) {
    for (const without of kinds) {
      const each = await storm(without, timesOver[form] * peak.perSecond, stormSeconds[form], seed + round);
      storms.push(each);
      const counts = countOutcomes(each.outcomes);
      const statuses: readonly string[] = allowed[without === 'nothing' ? 'whole' : 'without'];
      checks.that(
        `without ${without}, start ${round + 1}: every one of ${each.outcomes.length} requests got ${statuses.join(' or ')}`,
        Object.keys(counts).every((became) => statuses.includes(became)),
        counts,
      );
    }
  }
  return {
    method:
      `Requests of 1x1000 with num_samples 1000 and indices at ${timesOver[form]} x the sustainable rate of ${Math.round(peak.perSecond)} a second, for ${stormSeconds[form]} s from the first moment a replica serves. ` +
      `Medians over the starts, which take turns; late is a 503 after ${refusalMsMax} ms.`,
    tables: [
      {
        headers: [
          'without',
          'starts',
          '200/s',
          '200 p99 ms',
          '503s',
          '503 p99 ms',
          '503 max ms',
          'late, median',
          'late, most',
        ],
        rows: kinds.map((without) => rowOf(without, storms)),
      },
    ],
  };
}

export const protectionsScenario: Scenario = {
  name: 'protections',
  title: 'What each protection against an overload buys',
  run,
};
