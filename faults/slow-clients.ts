/**
 * Many clients that take their time: they send headers or a body a byte at a time, or do not read what they asked for.
 * Each is closed at its limit, memory stays bounded, and good clients beside them notice nothing.
 */
import { percentile } from '../bench/statistics.js';
import { countOutcomes, latenciesOf, OpenLoop } from './open-loop.js';
import type { Outcome } from './outcome-log.js';
import { drawBytes, smallBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { every, pause } from './time.js';
import { type Answer, isReply, WireConnection } from './wire.js';

interface Form {
  readonly connections: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly replyTimeoutMs: number;
  /** How long good clients are measured by themselves. */
  readonly aloneSeconds: number;
}

const shortForm: Form = {
  connections: 60,
  headersTimeoutMs: 1000,
  requestTimeoutMs: 2000,
  replyTimeoutMs: 2000,
  aloneSeconds: 2,
};
/** The limits are the service's defaults. */
const fullForm: Form = {
  connections: 500,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  replyTimeoutMs: 60_000,
  aloneSeconds: 20,
};

const goodPerSecond = 200;
const goodConnectionsMax = 16;
/** Node looks at its connections every second; the rest is for a busy machine. */
const lateMsMax = 5000;
/**
 * What a reader that does not read holds of the service: the 500,000 numbers of its draw, and the text that has been
 * printed.
 */
const growthMiBEach = 3;
/** For everything else. */
const growthMiBMax = 200;
const mibBytes = 2 ** 20;
const pollMs = 50;
/** Each sends a byte a second, in a moment of its own: all in the same one would be another attack. */
const dripMs = 1000;
const drippers = 50;

type Kind = 'slow headers' | 'slow body' | 'slow reader';

/** A reply of some 5.5 MB, more than the sockets of a connection hold: the service has to wait for its reader. */
const largeReply = { num_samples: 5000, seed: 42, return: ['samples'] };

const openings: Readonly<Record<Kind, Buffer>> = {
  'slow headers': Buffer.from('POST /sample HTTP/1.1\r\nhost: service\r\nx-slow: '),
  'slow body': Buffer.from(
    'POST /sample HTTP/1.1\r\nhost: service\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"logits":[1',
  ),
  'slow reader': drawBytes(100, largeReply),
};

interface Slow {
  /** Clients in all, one wave after another. */
  readonly started: number;
  /** When the last of them was closed, from the time all had started. */
  readonly closedMs: number;
  /** Connections that the service had not closed when the wait was over. */
  readonly leftOpen: number;
  /** Those that were told why, with 408. */
  readonly told: number;
  readonly good: readonly Outcome[];
  readonly growthMiB: number;
}

function goodClients(service: Service, seed: number): OpenLoop {
  return new OpenLoop({
    port: service.port,
    ratePerSecond: goodPerSecond,
    seed,
    bytes: smallBytes(),
    connectionsMax: goodConnectionsMax,
  });
}

/** A slow client: its connection, and the answer that it gets once it is closed. */
interface SlowClient {
  readonly connection: WireConnection;
  readonly answer: Promise<Answer>;
}

async function startSender(service: Service, opening: Buffer): Promise<SlowClient> {
  const connection = await WireConnection.open(service.port);
  return { connection, answer: connection.request(opening) };
}

/** Asks until a large reply has begun, and reads no further. */
async function startReader(service: Service): Promise<SlowClient> {
  const connection = await WireConnection.open(service.port);
  for (;;) {
    const answer = connection.request(openings['slow reader']);
    const early = await Promise.race([answer, connection.stallAtReply()]);
    if (!early) return { connection, answer };
    if (!isReply(early) || ![503, 504].includes(early.status))
      throw new Error(`No slow reply: ${JSON.stringify(early)}`);
    await pause(pollMs);
  }
}

/**
 * Starts one client after another, `count` over the time that each has: from then on so many are there, since one that
 * is closed makes way for the next. All at the same moment they would be an overload, which is another test.
 */
async function startClients(
  service: Service,
  kind: Kind,
  count: number,
  limitMs: number,
  started: (client: SlowClient) => void,
): Promise<void> {
  const starts: Promise<void>[] = [];
  const startMs = performance.now();
  for (let client = 0; client < count; client++) {
    const start = kind === 'slow reader' ? startReader(service) : startSender(service, openings[kind]);
    starts.push(start.then(started));
    await pause(Math.max(0, startMs + ((client + 1) * limitMs) / count - performance.now()));
  }
  await Promise.all(starts);
}

/** Watches the open connections above `spare` go; ends when none is left or the time is up. */
async function untilClosed(service: Service, spare: number, msMax: number) {
  const startMs = performance.now();
  let closedMs = 0;
  let leftOpen = Number.POSITIVE_INFINITY;
  while (leftOpen > 0 && performance.now() - startMs < msMax) {
    await pause(pollMs);
    const left = Math.max(0, service.descriptors() - spare);
    if (left < leftOpen) closedMs = performance.now() - startMs;
    leftOpen = Math.min(left, leftOpen);
  }
  return { closedMs, leftOpen };
}

async function slowClients(service: Service, kind: Kind, form: Form, limitMs: number, seed: number): Promise<Slow> {
  const descriptors = service.descriptors();
  const before = service.memory().residentMiB;
  let most = before;
  const stopWatching = every(pollMs, async () => {
    most = Math.max(most, service.memory().residentMiB);
  });
  const clients: SlowClient[] = [];
  const waves = Math.ceil((form.aloneSeconds * 1000) / limitMs);
  const startWave = () => startClients(service, kind, form.connections, limitMs, (client) => clients.push(client));
  let turn = 0;
  const drip = setInterval(() => {
    turn = (turn + 1) % drippers;
    if (kind === 'slow reader') return;
    for (let client = turn; client < clients.length; client += drippers) clients[client]?.connection.write('1');
  }, dripMs / drippers);
  await startWave();
  const load = goodClients(service, seed);
  for (let wave = 1; wave < waves; wave++) await startWave();
  const spare = descriptors + goodConnectionsMax;
  const closing = await untilClosed(service, spare, limitMs + lateMsMax);
  clearInterval(drip);
  for (const { connection } of clients) connection.destroy();
  const replies = (await Promise.all(clients.map(({ answer }) => answer))).filter(isReply);
  const good = await load.stop();
  await stopWatching();
  return {
    ...closing,
    started: clients.length,
    told: replies.filter(({ status }) => status === 408).length,
    good,
    growthMiB: most - before,
  };
}

function checkSlow(
  checks: Checks,
  kind: Kind,
  { started, leftOpen, good, growthMiB }: Slow,
  connections: number,
): void {
  checks.equal(`${kind}: all ${started} connections were closed by the service`, leftOpen, 0);
  checks.equal(`${kind}: good clients saw only 200`, Object.keys(countOutcomes(good)), ['200']);
  const most = growthMiBMax + growthMiBEach * connections;
  checks.atMost(`${kind}: growth of resident memory`, growthMiB, most, ' MiB');
}

function row(name: string, limit: number | string, slow: Partial<Slow>, good: readonly Outcome[], alone: number) {
  const p99 = percentile(latenciesOf(good, 200), 99);
  return [
    name,
    limit,
    slow.started ?? '-',
    slow.closedMs ?? '-',
    slow.told ?? '-',
    slow.growthMiB ?? '-',
    percentile(latenciesOf(good, 200), 50),
    p99,
    p99 / alone,
  ];
}

async function run({ full, seed }: Options, checks: Checks): Promise<Figures> {
  const form = full ? fullForm : shortForm;
  const { headersTimeoutMs, requestTimeoutMs, replyTimeoutMs, connections } = form;
  const service = await Service.start({
    environment: {
      HEADERS_TIMEOUT_MS: String(headersTimeoutMs),
      REQUEST_TIMEOUT_MS: String(requestTimeoutMs),
      REPLY_TIMEOUT_MS: String(replyTimeoutMs),
      // All readers are let in, so that it is their time that ends them.
      BODY_BYTES_IN_FLIGHT_MAX: String(connections * growthMiBEach * mibBytes),
    },
  });
  const alone = goodClients(service, seed);
  await pause(form.aloneSeconds * 1000);
  const good = await alone.stop();
  checks.equal('alone: good clients saw only 200', Object.keys(countOutcomes(good)), ['200']);
  const p99 = percentile(latenciesOf(good, 200), 99);
  const rows = [row('none', '-', {}, good, p99)];
  const kinds = [
    ['slow headers', headersTimeoutMs],
    ['slow body', requestTimeoutMs],
    ['slow reader', replyTimeoutMs],
  ] as const;
  for (const [kind, limitMs] of kinds) {
    const slow = await slowClients(service, kind, form, limitMs, seed);
    checkSlow(checks, kind, slow, connections);
    rows.push(row(`${connections} ${kind}`, limitMs, slow, slow.good, p99));
  }
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);
  return {
    method: `${connections} connections that send a byte a second, or ask for 5.5 MB and read only the beginning, started one after another over the time of their limit and for at least ${form.aloneSeconds} s, beside good clients: ${goodPerSecond} draws of 1x10 a second in an open loop, measured from the time so many are there until the last is closed.`,
    tables: [
      {
        headers: [
          'beside',
          'limit ms',
          'in all',
          'last closed, ms',
          'told 408',
          'memory, MiB',
          'good p50 ms',
          'good p99 ms',
          'p99 x alone',
        ],
        rows,
      },
    ],
  };
}

export const slowClientsScenario: Scenario = {
  name: 'slow-clients',
  title: 'Slow headers, slow bodies, slow readers',
  run,
};
