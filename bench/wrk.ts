/**
 * Drives a target with wrk and measures. wrk takes a few microseconds of CPU a request, so it does not set the pace of
 * quick replies, as a client in JavaScript does. The script it runs gives every request another seed.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, firstSeed, type Sent } from './bodies.js';
import { cpuMs, endedChildrenCpuMs, mainThreadsCpuMs, processTree } from './process-tree.js';
import { post, spawnOwned, type Target } from './targets.js';

export interface LoadOptions {
  readonly connections: number;
  /** Threads of the client. */
  readonly threads: number;
  /** Whole seconds of a wrk that is not measured: caches and the JIT warm up. */
  readonly warmUpSeconds: number;
  /** Whole seconds, after `leadSeconds`. */
  readonly seconds: number;
}

export interface Measured {
  /** CPU time of the target for one request, all its processes and threads; undefined where it is not measured. */
  readonly cpuUs: number | undefined;
  /** The part of it that the main threads took: those that read requests and write replies. */
  readonly mainThreadUs: number | undefined;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Cores that the client used: near the number of its threads, the client and not the target set the pace. */
  readonly clientCores: number | undefined;
  /** Bytes of a request and, on average, of a reply, with their headers. */
  readonly requestBytes: number;
  readonly replyBytes: number;
}

/**
 * The first second of a measured wrk counts for percentiles, but neither for the rate nor for CPU time: all connections
 * send at once, and of 32 large bodies the first is complete when nearly all have been read.
 */
export const leadSeconds = 1;

const command = process.env.BENCH_WRK || 'wrk';

/** Ends the process with 69 (EX_UNAVAILABLE of sysexits.h) where wrk cannot be started. */
export function requireWrk(): void {
  try {
    execFileSync(command, ['-v'], { stdio: 'ignore' });
  } catch (error) {
    // `wrk -v` prints its version and exits with 1.
    if ((error as { status?: number }).status === 1) return;
    console.error(
      [
        `The benchmark drives the service with wrk, and "${command}" cannot be started.`,
        'Debian and Ubuntu: apt-get install wrk. macOS: brew install wrk. Or set BENCH_WRK to its path.',
      ].join('\n'),
    );
    process.exit(69);
  }
}

/** A request as it goes over the wire, to a path below that of `url`: the bytes before its seed and those after. */
function requestParts(url: string, { path, headers, body }: Sent): { before: Buffer; after: Buffer } {
  const content = typeof body === 'string' ? Buffer.from(body) : body;
  const { host, pathname } = new URL(url);
  const lines = Object.entries({ host, ...headers, 'content-length': String(content.length) });
  const head = `POST ${pathname === '/' ? '' : pathname}${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), content]);
  const seed = String(firstSeed);
  const key = new RegExp(`"seed": ?(?=${seed})`).exec(bytes.toString('latin1'));
  if (key === null) throw new Error(`The body has no seed of ${seed}. This is a bug.`);
  const seedAt = key.index + key[0].length;
  return { before: bytes.subarray(0, seedAt), after: bytes.subarray(seedAt + seed.length) };
}

/**
 * A request longer than this is not made anew each time: a thread goes round `preparedRequests` of them, each with a
 * seed of its own. To join 1.3 MB for each request took wrk 2.2 ms, the half of what the service takes for it, on the
 * same cores; sending a prepared one takes 0.8 ms.
 */
const preparedAboveBytes = 65536;
const preparedRequests = 32;

/**
 * wrk calls `request` whenever a connection has its reply, and `done` at the end. Each thread counts on from a seed of
 * its own; all have seven digits, so that Content-Length holds. Calls within the window are replies that came in it.
 */
function script(folder: string, threads: number, openMs: number, closeMs: number): string {
  return `
local ffi = require('ffi')
ffi.cdef('typedef struct { long s; long us; } bench_time; int gettimeofday(bench_time *now, void *zone);')
local now = ffi.new('bench_time')

local function read(name)
  local file = assert(io.open(${JSON.stringify(folder)} .. '/' .. name, 'rb'))
  local bytes = file:read('*a')
  file:close()
  return bytes
end

local before, after = read('before'), read('after')
local threads = {}

function setup(thread)
  thread:set('seed', ${firstSeed} + #threads)
  thread:set('replies', 0)
  table.insert(threads, thread)
end

local function following()
  local bytes = before .. seed .. after
  seed = seed + ${threads}
  if seed > ${10 * firstSeed - 1} then seed = seed - ${9 * firstSeed} end
  return bytes
end

local prepared, turn = {}, 0

function init()
  if #before + #after <= ${preparedAboveBytes} then return end
  for index = 1, ${preparedRequests} do prepared[index] = following() end
end

function request()
  ffi.C.gettimeofday(now, nil)
  local ms = tonumber(now.s) * 1000 + tonumber(now.us) / 1000
  if ms >= ${openMs} and ms < ${closeMs} then replies = replies + 1 end
  if #prepared == 0 then return following() end
  turn = turn % #prepared + 1
  return prepared[turn]
end

function done(summary, latency)
  local replies = 0
  for _, thread in ipairs(threads) do replies = replies + thread:get('replies') end
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format(
    '{"replies":%d,"requests":%d,"bytes":%.0f,"failed":%d,"us":%d,"p50Us":%d,"p99Us":%d}\\n',
    replies, summary.requests, summary.bytes, failed, summary.duration, latency:percentile(50), latency:percentile(99)))
end
`;
}

/** What the script prints at the end. */
interface Summary {
  /** Within the window. */
  readonly replies: number;
  /** The rest is of the whole run. */
  readonly requests: number;
  readonly bytes: number;
  readonly failed: number;
  readonly us: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface WrkRun {
  readonly connections: number;
  readonly threads: number;
  readonly seconds: number;
  /** Before the window opens. */
  readonly leadSeconds: number;
  /** Called when the window opens and when it closes. */
  readonly onWindow?: () => void;
}

/** Runs wrk on the request whose parts lie in `folder`. */
async function runWrk({ url, name }: Target, folder: string, run: WrkRun): Promise<Summary> {
  const threads = Math.min(run.threads, run.connections);
  const openMs = Date.now() + run.leadSeconds * 1000;
  const closeMs = openMs + run.seconds * 1000;
  const path = join(folder, 'script.lua');
  writeFileSync(path, script(folder, threads, openMs, closeMs));
  // Longer than any reply takes: 32 large bodies keep the slowest of the echo's for seconds.
  const options = ['--timeout', '30s', '-t', threads, '-c', run.connections, '-d', run.leadSeconds + run.seconds];
  const child = spawnOwned(command, [...options.map(String), '-s', path, url], {});
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
  const closed = once(child, 'close');
  closed.catch(() => {});
  for (const ms of [openMs, closeMs]) {
    await sleep(ms - Date.now());
    run.onWindow?.();
  }
  await closed;
  const printed = /^\{"replies".*\}$/m.exec(output)?.[0];
  if (printed === undefined) throw new Error(`wrk failed: ${output}`);
  const summary: Summary = JSON.parse(printed);
  if (summary.requests === 0) throw new Error(`The ${name} answered nothing while it was measured`);
  if (summary.failed > 0) throw new Error(`Of the ${name}'s replies ${summary.failed} failed: ${output}`);
  return summary;
}

/** CPU time of a target so far, and when it was read. */
interface CpuReading {
  readonly allMs: number | undefined;
  readonly mainThreadsMs: number | undefined;
  readonly atMs: number;
}

/** CPU time for one request in microseconds, or undefined where it is not measured. */
function cpuUsPerRequest(
  [open, close]: readonly CpuReading[],
  of: 'allMs' | 'mainThreadsMs',
  requestsPerSecond: number,
): number | undefined {
  const [from, to] = [open[of], close[of]];
  if (from === undefined || to === undefined) return undefined;
  return (1e6 * (to - from)) / (close.atMs - open.atMs) / requestsPerSecond;
}

/**
 * Posts to the target without pause over every connection, once its reply has been checked. A reply of another status
 * than 2xx, a connection that breaks, or replies that are shorter than the one that was checked end the benchmark.
 */
export async function drive(target: Target, sent: Case, load: LoadOptions): Promise<Measured> {
  const checked = await post(target, sent);
  target.assertReply(sent, checked);
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-bench-'));
  try {
    const { before, after } = requestParts(target.url, sent);
    writeFileSync(join(folder, 'before'), before);
    writeFileSync(join(folder, 'after'), after);
    if (load.warmUpSeconds > 0) {
      await runWrk(target, folder, { ...load, seconds: load.warmUpSeconds, leadSeconds: 0 });
    }
    const pids = processTree(target.pid);
    const readings: CpuReading[] = [];
    const onWindow = () =>
      readings.push({ allMs: cpuMs(pids), mainThreadsMs: mainThreadsCpuMs(pids), atMs: performance.now() });
    const clientBeforeMs = endedChildrenCpuMs();
    const summary = await runWrk(target, folder, { ...load, leadSeconds, onWindow });
    const clientMs = endedChildrenCpuMs();
    const requestsPerSecond = summary.replies / load.seconds;
    const replyBytes = summary.bytes / summary.requests;
    // With other seeds numbers have other lengths.
    if (replyBytes < 0.9 * checked.length) throw new Error(`The ${target.name}'s replies have ${replyBytes} bytes`);
    return {
      cpuUs: cpuUsPerRequest(readings, 'allMs', requestsPerSecond),
      mainThreadUs: cpuUsPerRequest(readings, 'mainThreadsMs', requestsPerSecond),
      requestsPerSecond,
      p50Ms: summary.p50Us / 1000,
      p99Ms: summary.p99Us / 1000,
      clientCores:
        clientMs === undefined || clientBeforeMs === undefined
          ? undefined
          : (1000 * (clientMs - clientBeforeMs)) / summary.us,
      requestBytes: before.length + String(firstSeed).length + after.length,
      replyBytes,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
