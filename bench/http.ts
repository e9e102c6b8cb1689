/**
 * `npm run bench`: requests per second and latency of the built service, as ratios to the echo and, where it can be started,
 * beside the FastAPI peer. Each round drives every target in turn with the same bytes over the same number of connections,
 * so that whatever else the machine does falls on all of them; a ratio is taken within a round. Then the freedom of the
 * event loop. Prints Markdown and writes bench/results/http.json.
 */
import { parseArgs } from 'node:util';
import { type Case, makeCase, parseShape, shapeName, type Wanted } from './bodies.js';
import { measureFreedom } from './freedom.js';
import { type HttpFigures, type HttpResult, httpMarkdown } from './http-tables.js';
import { drive, type LoadOptions, type Measured } from './load.js';
import { describeRun, writeResult } from './results.js';
import { median, percentile } from './statistics.js';
import { findPeerPython, post, settle, startEcho, startFastapi, startService, type Target } from './targets.js';

const help = `npm run bench -- [options]

  --shapes <list>       rows x categories, comma-separated    (default 1x10,64x10,64x1000)
  --binary <list>       the same for binary tensors           (default 64x1000,32x50257)
  --rounds <n>          rounds, each driving every target     (default 7)
  --seconds <s>         measured seconds of a target a round  (default 4)
  --warm-up <s>         seconds dropped before that           (default 1)
  --connections <n>     connections of the client             (default 32)
  --quick               2 rounds of 1 second, to see that it works
  --without-peers       leave the FastAPI peer out
  --without-freedom     leave the event loop's table out
  --help

The FastAPI peer takes part when BENCH_PYTHON, or else python3, can import its packages: see bench/peers/README.md.
Every shape is asked for soft samples; 64x1000 also for hard ones and for indices alone. An empty list leaves a kind out; with
binary tensors alone the result is kept apart, as bench/results/binary.json.`;

interface Options extends LoadOptions {
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
    warmUpSeconds: positive(values['warm-up'] ?? (values.quick ? '0.5' : '1'), 'warm-up', 600),
    connections: Math.ceil(positive(values.connections, 'connections', 1000)),
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

async function startTargets(peers: boolean): Promise<{ targets: Target[]; fastapi: HttpResult['fastapi'] }> {
  const targets = [await startService(), await startEcho()];
  if (!peers) return { targets, fastapi: { missing: '--without-peers was given' } };
  const python = findPeerPython(['fastapi', 'uvicorn', 'torch', 'numpy', 'orjson', 'pydantic']);
  if ('missing' in python) {
    console.error(`The FastAPI peer is left out (${python.missing}). See bench/peers/README.md.`);
    return { targets, fastapi: python };
  }
  targets.push(...(await startFastapi(python)));
  return { targets, fastapi: python.versions };
}

function summarise(target: Target, { shape, wanted }: Case, rounds: readonly Measured[], echo: readonly Measured[]) {
  const cpu = rounds.flatMap(({ cpuMsPerRequest }) => (cpuMsPerRequest === undefined ? [] : [cpuMsPerRequest]));
  const latenciesMs = rounds.flatMap((round) => round.latenciesMs);
  return {
    target: target.name,
    shape,
    wanted,
    requestsPerSecond: rounds.map(({ requestsPerSecond }) => requestsPerSecond),
    ratioToEcho: rounds.map((round, index) => round.requestsPerSecond / (echo[index] as Measured).requestsPerSecond),
    p50Ms: percentile(latenciesMs, 50),
    p99Ms: percentile(latenciesMs, 99),
    cpuMsPerRequest: cpu.length > 0 ? median(cpu) : undefined,
    clientCpuShare: median(rounds.map(({ clientCpuShare }) => clientCpuShare)),
  } satisfies HttpFigures;
}

/** All rounds of one request: each target's reply is checked once, then they are driven in turn. */
async function measureCase(all: readonly Target[], sent: Case, options: Options): Promise<HttpFigures[]> {
  // FastAPI has no binary tensors.
  const targets = all.filter(({ name }) => sent.wanted !== 'binary' || name === 'service' || name === 'echo');
  for (const target of targets) target.assertReply(sent, await post(target, sent));
  const measured = targets.map((): Measured[] => []);
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, target] of targets.entries()) {
      measured[index]?.push(await drive(target, sent, options));
      await settle();
    }
    console.error(`${shapeName(sent.shape)} ${sent.wanted}: round ${round + 1} of ${options.rounds}`);
  }
  const echo = measured[targets.findIndex(({ name }) => name === 'echo')] as Measured[];
  return targets.map((target, index) => summarise(target, sent, measured[index] as Measured[], echo));
}

async function main(options: Options): Promise<void> {
  const run = describeRun('bench');
  const { targets, fastapi } = await startTargets(options.peers);
  try {
    const figures: HttpFigures[] = [];
    for (const sent of makeCases(options)) figures.push(...(await measureCase(targets, sent, options)));
    const { rounds, seconds, warmUpSeconds, connections } = options;
    const draws = Math.min(rounds, 5);
    const freedom = options.freedom
      ? await measureFreedom(targets[0] as Target, { connections, seconds: Math.max(2, 2 * seconds), draws })
      : [];
    const result = { run, options: { rounds, seconds, warmUpSeconds, connections }, fastapi, figures, freedom };
    console.log(httpMarkdown(result));
    writeResult(options.shapes.length === 0 ? 'binary' : 'http', result);
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

const options = readOptions();
if (options) await main(options);
else console.log(help);
