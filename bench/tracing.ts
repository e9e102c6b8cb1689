/**
 * `npm run bench:tracing`: what tracing costs a small request. In each round the service is started once for each row
 * of the table, and all are driven in turn; a ratio is taken within a round. The row `off, once more` shows how far
 * two equal services are apart. Prints Markdown.
 */
import { parseArgs } from 'node:util';
import { parseRequest, requestName } from './bodies.js';
import { describeRun, figure, runLines, table } from './results.js';
import { medianOf } from './statistics.js';
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

const { values } = parseArgs({
  options: {
    request: { type: 'string', default: '1x10 soft' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
  },
});
const connections = Number(values.connections);
const { sent } = parseRequest(values.request, connections);
const load = { connections, threads: 1, warmUpSeconds: 2, seconds: Number(values.seconds) };

/** Spans exported and dropped so far. */
async function spansOf({ url }: Target): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (name: string) => new RegExp(`^gumbel_spans_${name}_total (\\d+)`, 'm').exec(text)?.[1] ?? '-';
  return `${of('exported')} / ${of('dropped')}`;
}

interface Round {
  readonly measured: Measured;
  readonly spans: string;
}

async function measureRound(collector: Target): Promise<Map<string, Round>> {
  const round = new Map<string, Round>();
  for (const [name, environment] of Object.entries(services)) {
    const isOn = name.startsWith('on');
    const service = await startService(undefined, {
      ...environment,
      ...(isOn && { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
    });
    try {
      round.set(name, { measured: await drive(service, sent, load), spans: await spansOf(service) });
    } finally {
      await service.stop();
    }
    await settle();
  }
  return round;
}

requireWrk();
const run = describeRun('bench:tracing');
const collector = await startCollector();
const rounds: Map<string, Round>[] = [];
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    rounds.push(await measureRound(collector));
    console.error(`round ${round} of ${values.rounds}`);
  }
} finally {
  await collector.stop();
}

const cpu = ({ measured }: Round) => measured.cpuUs;
const rows = Object.keys(services).map((name) => {
  const own = rounds.map((round) => round.get(name) as Round);
  const ratios = rounds.map(
    (round) => (cpu(round.get(name) as Round) ?? NaN) / (cpu(round.get('off') as Round) ?? NaN),
  );
  return [
    name,
    figure(medianOf(own, cpu)),
    medianOf(ratios, (each) => each).toFixed(3),
    `${Math.min(...ratios).toFixed(2)} .. ${Math.max(...ratios).toFixed(2)}`,
    figure(medianOf(own, ({ measured }) => measured.requestsPerSecond)),
    figure(medianOf(own, ({ measured }) => measured.p50Ms)),
    own.at(-1)?.spans ?? '-',
  ];
});
const headers = ['tracing', 'CPU us', 'x off', 'rounds', 'requests/s', 'p50 ms', 'spans exported / dropped'];
console.log(`${runLines(run)}\n${requestName(sent)}, ${connections} connections.\n\n${table(headers, rows)}`);
