/**
 * `npm run bench`: what requests cost the built service, as ratios to the echo and, where it can be started, beside the
 * FastAPI peer. Each round starts every target anew and drives them in turn with the same requests over the same number
 * of connections, so that whatever else the machine does falls on all of them; a ratio is taken within a round. Then
 * the freedom of the event loop. Prints Markdown and writes bench/results/http.json. With --processes it measures
 * several processes behind one port instead (processes.ts).
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { parseRequest, type Request, requestName } from './bodies.js';
import { type FreedomResult, measureFreedom } from './freedom.js';
import { type HttpFigures, type HttpResult, httpMarkdown } from './http-tables.js';
import { measureProcesses, type ProcessesOptions, processesRequests } from './processes.js';
import { describeRun, writeResult } from './results.js';
import {
  findPeerPython,
  type PeerPython,
  settle,
  startEcho,
  startFastapi,
  startService,
  type Target,
  type TargetName,
} from './targets.js';
import { drive, type Measured, requireWrk } from './wrk.js';

const standardRequests = [
  '1x10 soft@1',
  '1x10 soft',
  '1x10 indices@1',
  '1x10 indices',
  '64x10 soft',
  '64x1000 soft',
  '64x1000 hard',
  '64x1000 indices',
  '64x1000 binary',
  '32x50257 binary',
  '1x1000x300 indices',
];

const help = `npm run bench -- [options]

  --requests <list>     rows x categories [x num_samples], and soft, hard,
                        indices or binary; @n for n connections
                        (default ${standardRequests.slice(0, 6).join(',')},
                        ${standardRequests.slice(6).join(',')})
  --rounds <n>          rounds, each driving every target     (default 3)
  --seconds <s>         measured seconds of a target a round  (default 2)
  --warm-up <s>         seconds of a load before that         (default 1)
  --connections <n>     connections where none are given      (default 32; 8 for binary)
  --threads <n>         threads of wrk                        (default one for every four cores)
  --without-peers       leave the FastAPI peer out
  --without-freedom     leave the event loop's table out
  --help

  --processes <list>    instead: so many processes behind one port, for each number of the list, beside the echo under
                        the same cluster (default requests: ${processesRequests.slice(0, 4).join(',')},
                        ${processesRequests.slice(4).join(',')}; connections: three a core, at least 32)
  --workers <n>         workers of all these processes        (default: the service's own)

Drives with wrk: Debian's package of that name, or BENCH_WRK. The FastAPI peer takes part when BENCH_PYTHON, or else
python3, can import its packages: see bench/peers/README.md.`;

interface Options {
  readonly requests: readonly Request[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly threads: number;
  readonly peers: boolean;
  readonly freedom: boolean;
}

function whole(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1 && value <= max)) {
    throw new Error(`--${name} must be a whole number from 1 to ${max}`);
  }
  return value;
}

/** The options; undefined when help was asked for. */
function readOptions(): Options | ProcessesOptions | undefined {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      'warm-up': { type: 'string', default: '1' },
      connections: { type: 'string' },
      threads: { type: 'string' },
      'without-peers': { type: 'boolean', default: false },
      'without-freedom': { type: 'boolean', default: false },
      processes: { type: 'string' },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const cores = availableParallelism();
  const processes = values.processes?.split(',').map((text) => whole(text, 'processes', 128));
  const leastConnections = processes === undefined ? 32 : Math.max(32, 3 * cores);
  const connections = whole(values.connections ?? String(leastConnections), 'connections', 1000);
  const requests = values.requests?.split(',') ?? (processes === undefined ? standardRequests : processesRequests);
  const options = {
    requests: requests.map((text) => parseRequest(text, connections)),
    rounds: whole(values.rounds, 'rounds', 100),
    seconds: whole(values.seconds, 'seconds', 600),
    warmUpSeconds: whole(values['warm-up'], 'warm-up', 600),
    connections,
    threads: whole(values.threads ?? String(Math.max(1, Math.floor(cores / 4))), 'threads', 64),
  };
  if (processes !== undefined) {
    return { ...options, processes, workers: values.workers ? whole(values.workers, 'workers', 256) : undefined };
  }
  return { ...options, peers: !values['without-peers'], freedom: !values['without-freedom'] };
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

/** What is compared for a request. FastAPI has neither binary tensors nor num_samples; a lone caller is left out. */
async function startTargets({ sent: { wanted, samples }, connections }: Request, peer: Peer): Promise<Target[]> {
  const targets = [await startService(), await startEcho()];
  const hasPeer = connections > 1 && wanted !== 'binary' && samples === undefined;
  if (hasPeer && !('missing' in peer)) targets.push(...(await startFastapi(peer)));
  return targets;
}

/** What was measured of each target in one round, in the order in which they took turns. */
type Round = ReadonlyMap<TargetName, Measured>;

/** One round of one request: the targets are started, and then they are driven in turn. */
async function measureRound(request: Request, peer: Peer, options: Options): Promise<Round> {
  const targets = await startTargets(request, peer);
  const round = new Map<TargetName, Measured>();
  try {
    for (const target of targets) {
      round.set(target.name, await drive(target, request.sent, { ...options, connections: request.connections }));
      await settle();
    }
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
  return round;
}

/**
 * The figures of every request. Its rounds are spread over the run, so that no request has the machine's bad quarter of
 * an hour to itself.
 */
async function measureRequests(options: Options, peer: Peer): Promise<HttpFigures[]> {
  const measured = options.requests.map((request) => ({ request, rounds: [] as Round[] }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { request, rounds } of measured) {
      rounds.push(await measureRound(request, peer, options));
      console.error(`round ${round} of ${options.rounds}: ${requestName(request.sent)}@${request.connections}`);
    }
  }
  return measured.flatMap(({ request: { sent, connections }, rounds }) =>
    [...rounds[0].keys()].map((target) => ({
      target,
      request: requestName(sent),
      connections,
      draws: sent.shape.rows * (sent.samples ?? 1),
      rounds: rounds.map((round) => round.get(target) as Measured),
    })),
  );
}

async function freedomOf(options: Options): Promise<FreedomResult[]> {
  const service = await startService();
  try {
    const load = { ...options, seconds: 2 * options.seconds };
    return await measureFreedom(service, load, Math.min(options.rounds, 5));
  } finally {
    await service.stop();
  }
}

async function compare(options: Options): Promise<void> {
  const run = describeRun('bench');
  const peer = findPeer(options.peers);
  const figures = await measureRequests(options, peer);
  const fastapi = 'missing' in peer ? peer : peer.versions;
  const { rounds, seconds, warmUpSeconds } = options;
  const result: HttpResult = { run, options: { rounds, seconds, warmUpSeconds }, fastapi, figures, freedom: [] };
  // Ten minutes of figures should not be lost to what comes after them.
  writeResult('http', result);
  const freedom = options.freedom ? await freedomOf(options) : [];
  console.log(httpMarkdown({ ...result, freedom }));
  writeResult('http', { ...result, freedom });
}

const options = readOptions();
if (options === undefined) console.log(help);
else {
  requireWrk();
  await ('processes' in options ? measureProcesses(options) : compare(options));
}
