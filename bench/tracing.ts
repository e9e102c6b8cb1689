/**
 * `npm run bench:tracing`: what tracing costs a small request. In each round the service is started once for each row
 * of the table; all are warmed up, and then driven in short bursts, in turn. What else the machine does only adds, so
 * a service is taken by its cheapest burst. V8 compiles the same code differently in each process, so there are several
 * rounds, and a row shows the median of their ratios. How far two equal services are apart is in the row `off, once
 * more`.
 */
import { parseArgs } from 'node:util';
import { parseRequest, requestName } from './bodies.js';
import { describeRun, figure, runLines, table } from './results.js';
import { median, medianOf } from './statistics.js';
import { settle, startCollector, startService, type Target } from './targets.js';
import { drive, type Measured, requireWrk } from './wrk.js';

const ratio = (share: string) => ({
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: share,
});

const asyncContext = new URL('./async-context.js', import.meta.url);

/** The environment of each service, without the collector's address. */
const services: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  off: {},
  'off, once more': {},
  'off, a context in AsyncLocalStorage': { NODE_OPTIONS: `--import=${asyncContext}` },
  'on, 0 % recorded': ratio('0'),
  'on, 1 % recorded': ratio('0.01'),
  'on, 100 % recorded': ratio('1'),
};

const help = `npm run bench:tracing -- [options]

  --request <request>   as for npm run bench             (default "1x10 soft")
  --connections <n>                                      (default 32)
  --rounds <n>          each starts all services anew    (default 7)
  --bursts <n>          of each service in a round       (default 8)
  --seconds <n>         of a burst                       (default 1)
  --warm-up <n>         seconds of each service, twice   (default 4)
  --help`;

const { values } = parseArgs({
  options: {
    request: { type: 'string', default: '1x10 soft' },
    connections: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '7' },
    bursts: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '1' },
    'warm-up': { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}
const connections = Number(values.connections);
const { sent } = parseRequest(values.request, connections);
const load = { connections, threads: 1, warmUpSeconds: 0, seconds: Number(values.seconds) };

/**
 * The same of a caller that records, for the warm-up: where one of a hundred is recorded, V8 would compile what records
 * it much later than the rest. So all services with a collector have exported spans before they are measured.
 */
const traceParent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const recorded = { ...sent, headers: { ...sent.headers, traceparent: traceParent } };

/** Spans exported and dropped so far. */
async function spansOf({ url }: Target): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (name: string) => new RegExp(`^gumbel_spans_${name}_total (\\d+)`, 'm').exec(text)?.[1] ?? '-';
  return `${of('exported')} / ${of('dropped')}`;
}

/** One service in one round: its bursts, in the order of the rounds of bursts. */
interface Driven {
  readonly target: Target;
  readonly bursts: Measured[];
  spans: string;
}

async function measureRound(collector: Target): Promise<Map<string, Driven>> {
  const all = new Map<string, Driven>();
  try {
    for (const [name, environment] of Object.entries(services)) {
      const target = await startService(undefined, {
        ...environment,
        ...(name.startsWith('on') && { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
      });
      all.set(name, { target, bursts: [], spans: '-' });
    }
    for (const { target } of all.values()) {
      await drive(target, recorded, { ...load, seconds: Number(values['warm-up']) });
      await drive(target, sent, { ...load, seconds: Number(values['warm-up']) });
    }
    for (let burst = 0; burst < Number(values.bursts); burst++) {
      // There and back, so that what slowly changes on the machine falls on all alike.
      const order = burst % 2 === 0 ? [...all.values()] : [...all.values()].reverse();
      for (const { target, bursts } of order) bursts.push(await drive(target, sent, load));
    }
    for (const driven of all.values()) driven.spans = await spansOf(driven.target);
  } finally {
    for (const { target } of all.values()) await target.stop();
  }
  await settle();
  return all;
}

requireWrk();
const run = describeRun('bench:tracing');
const collector = await startCollector();
const rounds: Map<string, Driven>[] = [];
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    rounds.push(await measureRound(collector));
    console.error(`round ${round} of ${values.rounds}`);
  }
} finally {
  await collector.stop();
}

const cpuOf = ({ cpuUs }: Measured) => cpuUs ?? Number.NaN;

/** How much more than `off` a service takes in a round. */
function ratioIn(round: Map<string, Driven>, name: string): number {
  const of = (each: string) => (round.get(each) as Driven).bursts.map(cpuOf);
  const off = of('off');
  return Math.min(...of(name)) / Math.min(...off);
}

const rows = Object.keys(services).map((name) => {
  const own = rounds.map((round) => round.get(name) as Driven);
  const bursts = own.flatMap((driven) => driven.bursts);
  const cheapest = own.map((driven) => Math.min(...driven.bursts.map(cpuOf)));
  const ratios = rounds.map((round) => ratioIn(round, name));
  return [
    name,
    figure(median(cheapest)),
    median(ratios).toFixed(3),
    `${Math.min(...ratios).toFixed(2)} .. ${Math.max(...ratios).toFixed(2)}`,
    figure(medianOf(bursts, ({ requestsPerSecond }) => requestsPerSecond)),
    figure(medianOf(bursts, ({ p50Ms }) => p50Ms)),
    own.at(-1)?.spans ?? '-',
  ];
});
const headers = ['tracing', 'CPU us', 'x off', 'rounds', 'requests/s', 'p50 ms', 'spans exported / dropped'];
console.log(`${runLines(run)}\n${requestName(sent)}, ${connections} connections.\n\n${table(headers, rows)}`);
