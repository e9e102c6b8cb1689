/**
 * `npm run bench:start`: how long the built service takes to be ready, what memory it holds when idle, whether memory
 * grows with num_samples, and whether it stays flat over mixed requests. Reads /proc, so it runs on Linux. Prints
 * Markdown and writes bench/results/start.json.
 */
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { jsonPost, makeCase, requestBody, type Sent } from './bodies.js';
import { Connection, type Reply, requestBytes } from './connection.js';
import { memoryMiB } from './memory.js';
import { nowMs } from './probe.js';
import { describeRun, writeResult } from './results.js';
import { type SamplesMemory, type StartResult, startMarkdown } from './start-tables.js';
import { post, serviceCommand, spawnOwned, startService, stopOwned, type Target } from './targets.js';

const help = `npm run bench:start -- [options]

  --starts <n>      starts that are timed                              (default 15)
  --requests <n>    mixed requests, a multiple of 10000                (default 100000)
  --help`;

const readyMsMax = 30_000;
const readyPollMs = 2;
/** After this pause nothing of the start is left to be freed. */
const idleMs = 3000;

/** A port that was free a moment ago: /readyz is to be asked before the process has said where it listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilReady(child: ChildProcess, url: string, deadlineMs: number): Promise<void> {
  while (nowMs() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`The service ended with ${child.exitCode} before it was ready`);
    const status = await fetch(url).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    await sleep(readyPollMs);
  }
  throw new Error(`The service was not ready within ${readyMsMax} ms`);
}

async function timeStart(): Promise<{ readyMs: number; idleMiB: number }> {
  const port = await freePort();
  const { command, args, env } = serviceCommand();
  const startMs = nowMs();
  const child = spawnOwned(command, args, { ...env, PORT: String(port) });
  child.stdout?.resume();
  child.stderr?.resume();
  try {
    await untilReady(child, `http://127.0.0.1:${port}/readyz`, startMs + readyMsMax);
    const readyMs = nowMs() - startMs;
    await sleep(idleMs);
    return { readyMs, idleMiB: memoryMiB(child.pid as number).residentMiB };
  } finally {
    await stopOwned(child);
  }
}

/** The peak of a fresh process after a few draws, each of which returns one index a sample. */
async function samplesMemory(numSamples: number): Promise<SamplesMemory> {
  const service = await startService();
  try {
    const body = (samples: number) =>
      requestBody({ rows: 1, categories: 1000 }, { seed: 42, num_samples: samples, return: ['indices'] });
    await post(service, jsonPost('/sample', body(1)));
    const peakBeforeMiB = memoryMiB(service.pid).peakMiB;
    let replyBytes = 0;
    for (let draw = 0; draw < 5; draw++)
      replyBytes = (await post(service, jsonPost('/sample', body(numSamples)))).length;
    return { numSamples, replyBytes, peakBeforeMiB, peakMiB: memoryMiB(service.pid).peakMiB };
  } finally {
    await service.stop();
  }
}

interface MixedRequest {
  readonly sent: Sent;
  readonly status: number;
  /** How many of each hundred. */
  readonly share: number;
}

/** What a day brings: small and large, soft and one-hot, many samples, and mistakes. */
function mixedRequests(): MixedRequest[] {
  const small = { rows: 1, categories: 10 };
  const middle = { rows: 64, categories: 10 };
  return [
    { sent: makeCase(small, 'soft'), status: 200, share: 37 },
    { sent: makeCase(middle, 'soft'), status: 200, share: 15 },
    { sent: makeCase(middle, 'hard'), status: 200, share: 15 },
    { sent: makeCase({ rows: 8, categories: 128 }, 'indices'), status: 200, share: 15 },
    {
      sent: jsonPost('/sample', requestBody(small, { num_samples: 100, return: ['samples', 'noise'] })),
      status: 200,
      share: 10,
    },
    { sent: makeCase({ rows: 64, categories: 1000 }, 'soft'), status: 200, share: 2 },
    { sent: makeCase({ rows: 64, categories: 1000 }, 'binary'), status: 200, share: 1 },
    // Malformed JSON is left out: its reply closes the connection.
    { sent: jsonPost('/sample', '{"logits": [[1, 2], [3]]}'), status: 422, share: 3 },
    { sent: jsonPost('/sample', '{"logits": [[1, 2], [3, "4"]], "temperature": 0}'), status: 422, share: 2 },
  ];
}

/** Deals the requests out over a hundred places, so that no kind comes in a block. */
function deal(requests: readonly MixedRequest[]): MixedRequest[] {
  const dealt = requests.flatMap((request) =>
    Array.from({ length: request.share }, (_, index) => ({ request, place: (index + 0.5) / request.share })),
  );
  return dealt.sort((one, other) => one.place - other.place).map(({ request }) => request);
}

/** Sends `amount` of the mixed requests and checks the status of each. */
async function sendMixed(service: Target, requests: readonly MixedRequest[], amount: number): Promise<void> {
  const prepared = requests.map(({ sent, status }) => ({ bytes: requestBytes(service.url, sent), status }));
  let count = 0;
  const converse = async () => {
    let expected = 0;
    const next = () => {
      if (count === amount) return undefined;
      const { bytes, status } = prepared[count++ % prepared.length];
      expected = status;
      return bytes;
    };
    const check = ({ status }: Reply) => {
      if (status !== expected) throw new Error(`A mixed request got ${status}, not ${expected}`);
    };
    await new Connection(service.url, next, check).closed;
  };
  await Promise.all(Array.from({ length: 10 }, converse));
}

async function mixedMemory(total: number): Promise<StartResult['mixed']> {
  const requests = deal(mixedRequests());
  const mixed: { requests: number; residentMiB: number; peakMiB: number }[] = [];
  const service = await startService();
  try {
    const step = total / 10;
    for (let sent = step; sent <= total; sent += step) {
      await sendMixed(service, requests, step);
      mixed.push({ requests: sent, ...memoryMiB(service.pid) });
      console.error(`${sent} mixed requests: ${mixed.at(-1)?.residentMiB.toFixed(1)} MiB`);
    }
  } finally {
    await service.stop();
  }
  return mixed;
}

async function main(starts: number, requests: number): Promise<void> {
  const run = describeRun('bench:start');
  const timed: { readyMs: number; idleMiB: number }[] = [];
  for (let start = 0; start < starts; start++) timed.push(await timeStart());
  const samples: SamplesMemory[] = [];
  for (const numSamples of [1000, 10_000, 100_000]) samples.push(await samplesMemory(numSamples));
  const result = {
    run,
    readyMs: timed.map(({ readyMs }) => readyMs),
    idleMiB: timed.map(({ idleMiB }) => idleMiB),
    samples,
    mixed: await mixedMemory(requests),
  };
  console.log(startMarkdown(result));
  writeResult('start', result);
}

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '15' },
    requests: { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(help);
else {
  const requests = Number(values.requests);
  // Ten steps of ten connections, each through whole hundreds of the mix.
  if (!(requests > 0 && requests % 10_000 === 0)) throw new Error('--requests must be a multiple of 10000');
  await main(Number(values.starts), requests);
}
