/**
 * `npm run bench:tracing`: what tracing costs a small request. In each round each row of the table is measured beside a
 * service without tracing: both are started anew, warmed up, and driven at the same time, so that whatever else the
 * machine does falls on both. V8 compiles the same code differently in each process, so there are many rounds, and a
 * row shows their median. How far two equal services are apart is in the row `off`.
 */
import { parseArgs } from 'node:util';
import { parseRequest, requestName } from './bodies.js';
import { describeRun, figure, runLines, table } from './results.js';
import { median, medianOf, percentile } from './statistics.js';
import { settle, startCollector, startService, type Target } from './targets.js';
import { drive, type Measured, requireWrk } from './wrk.js';

const ratio = (share: string) => ({
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: share,
});

const asyncContext = new URL('./async-context.js', import.meta.url);

/** The environment of the service of each row, without the collector's address. */
const services: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  off: {},
  'off, a context in AsyncLocalStorage': { NODE_OPTIONS: `--import=${asyncContext}` },
  'on, 0 % recorded': ratio('0'),
  'on, 1 % recorded': ratio('0.01'),
  'on, 100 % recorded': ratio('1'),
};

const help = `npm run bench:tracing -- [options]

  --request <request>   as for npm run bench             (default "1x10 soft")
  --connections <n>     of each service                  (default 32)
  --rounds <n>          each starts all services anew    (default 12)
  --seconds <n>         of a measurement                 (default 6)
  --warm-up <n>         seconds, three times             (default 6)
  --only <text>         rows that contain it
  --help`;

const { values } = parseArgs({
  options: {
    request: { type: 'string', default: '1x10 soft' },
    connections: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '6' },
    'warm-up': { type: 'string', default: '6' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}
const connections = Number(values.connections);
const { sent } = parseRequest(values.request, connections);
const load = { connections, threads: 1, warmUpSeconds: 0 };

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

/** A service and the one without tracing beside it, in one round. */
interface Pair {
  readonly own: Measured;
  readonly off: Measured;
  readonly spans: string;
}

async function measurePair(name: string, collector: Target, isFirst: boolean): Promise<Pair> {
  const environment = {
    ...services[name],
    ...(name.startsWith('on') && { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
  };
  const targets: Target[] = [];
  try {
    for (const each of isFirst ? [environment, {}] : [{}, environment]) {
      targets.push(await startService(undefined, each));
    }
    const driveBoth = (request: typeof sent, seconds: string) =>
      Promise.all(targets.map((target) => drive(target, request, { ...load, seconds: Number(seconds) })));
    await driveBoth(sent, values['warm-up']);
    await driveBoth(recorded, values['warm-up']);
    await driveBoth(sent, values['warm-up']);
    const both = (await driveBoth(sent, values.seconds)) as [Measured, Measured];
    const [own, off] = isFirst ? both : both.toReversed();
    return { own, off, spans: await spansOf(targets[isFirst ? 0 : 1]) };
  } finally {
    for (const target of targets) await target.stop();
    await settle();
  }
}

requireWrk();
const run = describeRun('bench:tracing');
const collector = await startCollector();
const names = Object.keys(services).filter((name) => name.includes(values.only));
if (names.length === 0) throw new Error(`No row contains "${values.only}": ${Object.keys(services).join('; ')}.`);
const pairs = new Map<string, Pair[]>(names.map((name) => [name, []]));
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const [name, own] of pairs) own.push(await measurePair(name, collector, round % 2 === 0));
    console.error(`round ${round} of ${values.rounds}`);
  }
} finally {
  await collector.stop();
}

const cpuOf = ({ cpuUs }: Measured) => cpuUs ?? Number.NaN;
const mainThreadOf = ({ mainThreadUs }: Measured) => mainThreadUs ?? Number.NaN;

const rows = [...pairs].map(([name, own]) => {
  const ratios = own.map(({ own, off }) => cpuOf(own) / cpuOf(off));
  return [
    name,
    figure(medianOf(own, ({ own }) => cpuOf(own))),
    median(ratios).toFixed(3),
    `${percentile(ratios, 25).toFixed(2)} .. ${percentile(ratios, 75).toFixed(2)}`,
    medianOf(own, ({ own, off }) => mainThreadOf(own) / mainThreadOf(off)).toFixed(3),
    own.at(-1)?.spans ?? '-',
  ];
});
const headers = ['tracing', 'CPU us', 'x off', 'half of the rounds', 'HTTP thread x off', 'spans exported / dropped'];
console.log(`${runLines(run)}\n${requestName(sent)}, ${connections} connections.\n\n${table(headers, rows)}`);
