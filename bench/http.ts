/**
 * `npm run bench`: requests per second and latency of the built service, as ratios to the echo and, where it can be
 * started, beside the FastAPI peer. Each round starts every target anew and drives them in turn with the same bytes
 * over the same number of connections, so that whatever else the machine does falls on all of them; a ratio is taken
 * within a round. Then the freedom of the event loop. Prints Markdown and writes bench/results/http.json.
 */
import { parseArgs } from 'node:util';
import { type Case, makeCase, parseShape, shapeName, type Wanted } from './bodies.js';
import { type FreedomResult, measureFreedom } from './freedom.js';
import { type HttpFigures, type HttpResult, httpMarkdown } from './http-tables.js';
import { type Connections, drive, type LoadOptions, type Measured } from './load.js';
import { describeRun, writeResult } from './results.js';
import { median, percentile } from './statistics.js';
import {
  findPeerPython,
  type PeerPython,
  post,
  settle,
  startEcho,
  startFastapi,
  startService,
  type Target,
  type TargetName,
} from './targets.js';

const help = `npm run bench -- [options]

  --shapes <list>       rows x categories, comma-separated    (default 1x10,64x10,64x1000)
  --binary <list>       the same for binary tensors           (default 64x1000,32x50257)
  --rounds <n>          rounds, each driving every target     (default 7)
  --seconds <s>         measured seconds of a target a round  (default 4)
  --warm-up <s>         seconds dropped before that           (default 2)
  --connections <n>     connections of the client             (default 32)
  --few-connections <n> the same for binary tensors, and for
                        the event loop's large draws          (default 8)
  --quick               2 rounds of 1 second, to see that it works
  --without-peers       leave the FastAPI peer out
  --without-freedom     leave the event loop's table out
  --help

The FastAPI peer takes part when BENCH_PYTHON, or else python3, can import its packages: see bench/peers/README.md.
Every shape is asked for soft samples; 64x1000 also for hard ones and for indices alone. An empty list leaves a kind out.`;

interface Options extends Connections {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly shapes: readonly string[];
  readonly binary: readonly string[];
  readonly rounds: number;
  readonly peers: boolean;
  readonly freedom: boolean;
}

function positive(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= max)) throw new Error(`--${name} must be a number above 0 and at most ${max}`);
  return value;
}

/** The options, or undefined when help was asked for. */
function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      shapes: { type: 'string', default: '1x10,64x10,64x1000' },
      binary: { type: 'string', default: '64x1000,32x50257' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      connections: { type: 'string', default: '32' },
      'few-connections': { type: 'string', default: '8' },
      quick: { type: 'boolean', default: false },
      'without-peers': { type: 'boolean', default: false },
      'without-freedom': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    shapes: values.shapes.split(',').filter((shape) => shape !== ''),
    binary: values.binary.split(',').filter((shape) => shape !== ''),
    rounds: Math.ceil(positive(values.rounds ?? (values.quick ? '2' : '7'), 'rounds', 100)),
    seconds: positive(values.seconds ?? (values.quick ? '1' : '4'), 'seconds', 600),
    warmUpSeconds: positive(values['warm-up'] ?? (values.quick ? '0.5' : '2'), 'warm-up', 600),
    connections: Math.ceil(positive(values.connections, 'connections', 1000)),
    fewConnections: Math.ceil(positive(values['few-connections'], 'few-connections', 1000)),
    peers: !values['without-peers'],
    freedom: !values['without-freedom'],
  };
}

function makeCases({ shapes, binary }: Options): Case[] {
  const json = shapes.flatMap((text) => {
    const wanted: Wanted[] = text === '64x1000' ? ['soft', 'hard', 'indices'] : ['soft'];
    return wanted.map((each) => makeCase(parseShape(text), each));
  });
  return [...json, ...binary.map((text) => makeCase(parseShape(text), 'binary'))];
}

/** The Python of the FastAPI peer, or why it is left out. */
type Peer = PeerPython | { readonly missing: string };

function findPeer(wanted: boolean): Peer {
  if (!wanted) return { missing: '--without-peers was given' };
  const python = findPeerPython(['fastapi', 'uvicorn', 'torch', 'numpy', 'orjson', 'pydantic']);
  if ('missing' in python) {
    console.error(`The FastAPI peer is left out (${python.missing}). See bench/peers/README.md.`);
  }
  return python;
}

/** What is compared for a request. FastAPI has no binary tensors. */
async function startTargets({ wanted }: Case, peer: Peer): Promise<Target[]> {
  const targets = [await startService(), await startEcho()];
  if (wanted !== 'binary' && !('missing' in peer)) targets.push(...(await startFastapi(peer)));
  return targets;
}

async function stopAll(targets: readonly Target[]): Promise<void> {
  await Promise.all(targets.map((target) => target.stop()));
}

/** One target's part of the rounds of a request. */
function summarise(target: TargetName, { shape, wanted }: Case, all: readonly Round[]): HttpFigures {
  const rounds = all.map((round) => round.get(target) as Measured);
  const echo = all.map((round) => round.get('echo'));
  const cpu = rounds.flatMap(({ cpuMsPerRequest }) => (cpuMsPerRequest === undefined ? [] : [cpuMsPerRequest]));
  const latenciesMs = rounds.flatMap((round) => round.latenciesMs);
  return {
    target,
    shape,
    wanted,
    requestsPerSecond: rounds.map(({ requestsPerSecond }) => requestsPerSecond),
    ratioToEcho: rounds.map((round, index) => round.requestsPerSecond / (echo[index] as Measured).requestsPerSecond),
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    cpuMsPerRequest: cpu.length > 0 ? median(cpu) : undefined,
    clientCpuShare: median(rounds.map(({ clientCpuShare }) => clientCpuShare)),
  };
}

/** What was measured of each target in one round, in the order in which they took turns. */
type Round = ReadonlyMap<TargetName, Measured>;

/** One round of one request: each target is started, its reply is checked once, and then they are driven in turn. */
async function measureRound(sent: Case, peer: Peer, load: LoadOptions): Promise<Round> {
  const targets = await startTargets(sent, peer);
  const round = new Map<TargetName, Measured>();
  try {
    for (const target of targets) target.assertReply(sent, await post(target, sent));
    for (const target of targets) {
      round.set(target.name, await drive(target, sent, load));
      await settle();
    }
  } finally {
    await stopAll(targets);
  }
  return round;
}

/**
 * The figures of every request. Its rounds are spread over the run, so that no request has the machine's bad quarter of
 * an hour to itself.
 */
async function measureCases(options: Options, peer: Peer): Promise<HttpFigures[]> {
  const { rounds: count, seconds, warmUpSeconds, connections, fewConnections } = options;
  const measured = makeCases(options).map((sent) => ({ sent, rounds: [] as Round[] }));
  for (let round = 1; round <= count; round++) {
    for (const { sent, rounds } of measured) {
      const load = { seconds, warmUpSeconds, connections: sent.wanted === 'binary' ? fewConnections : connections };
      rounds.push(await measureRound(sent, peer, load));
      console.error(`round ${round} of ${count}: ${shapeName(sent.shape)} ${sent.wanted}`);
    }
  }
  return measured.flatMap(({ sent, rounds }) => [...rounds[0].keys()].map((target) => summarise(target, sent, rounds)));
}

async function freedomOf(options: Options): Promise<FreedomResult[]> {
  const { connections, fewConnections, rounds, seconds } = options;
  const service = await startService();
  try {
    const load = { connections, fewConnections, seconds: Math.max(2, 2 * seconds), draws: Math.min(rounds, 5) };
    return await measureFreedom(service, load);
  } finally {
    await service.stop();
  }
}

async function main(options: Options): Promise<void> {
  const run = describeRun('bench');
  const peer = findPeer(options.peers);
  const figures = await measureCases(options, peer);
  const fastapi = 'missing' in peer ? peer : peer.versions;
  const { rounds, seconds, warmUpSeconds, connections, fewConnections } = options;
  const method = { rounds, seconds, warmUpSeconds, connections, fewConnections };
  const result: HttpResult = { run, options: method, fastapi, figures, freedom: [] };
  // Half an hour's figures should not be lost to what comes after them.
  writeResult('http', result);
  const freedom = options.freedom ? await freedomOf(options) : [];
  console.log(httpMarkdown({ ...result, freedom }));
  writeResult('http', { ...result, freedom });
}

const options = readOptions();
if (options) await main(options);
else console.log(help);
