/** The client of the benchmarks: what it sends, what it counts, and what ends it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { firstSeed, makeCase, parseRequest, requestName } from '../../bench/bodies.js';
import { processTree } from '../../bench/process-tree.js';
import type { Target } from '../../bench/targets.js';
import { drive } from '../../bench/wrk.js';

const sent = makeCase({ rows: 2, categories: 3 }, 'soft');
const load = { connections: 4, threads: 2, warmUpSeconds: 1, seconds: 1 };
const missing = spawnSync('wrk', ['-v']).error === undefined ? false : 'wrk is not installed';

/** A target in this process; `status` is that of its n-th reply. */
async function startTarget(t: Test, status: (count: number) => number) {
  const bodies: string[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    bodies.push(Buffer.concat(pieces).toString());
    response.writeHead(status(bodies.length)).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const target: Target = {
    name: 'service',
    url: `http://127.0.0.1:${port}`,
    pid: process.pid,
    announced: '',
    assertReply: () => {},
    stop: async () => {},
  };
  return { target, bodies };
}

t.test('every request of a run has a seed of its own', { skip: missing }, async (t) => {
  const { target, bodies } = await startTarget(t, () => 200);
  const measured = await drive(target, sent, load);
  const seeds = bodies.map((body) => JSON.parse(body).seed as number);
  // The warm-up and the measured run both count from the first seed, and one request goes before them.
  const runs = new Map<number, number>();
  for (const seed of seeds) runs.set(seed, (runs.get(seed) ?? 0) + 1);
  t.ok(Math.max(...runs.values()) <= 3);
  t.ok(runs.size > seeds.length / 3);
  t.ok(seeds.every((seed) => seed >= firstSeed && seed < 10 * firstSeed));
  t.same(new Set(bodies.map((body) => body.length)), new Set([(sent.body as string).length]));
  t.match(measured, { requestsPerSecond: Number, p50Ms: Number, p99Ms: Number });
  t.ok(measured.requestsPerSecond > 0 && measured.requestsPerSecond < seeds.length);
  t.ok(measured.requestBytes > (sent.body as string).length);
  if (process.platform === 'linux') t.ok((measured.cpuUs as number) > 0);
});

t.test('a reply of another status ends the benchmark', { skip: missing }, async (t) => {
  const { target } = await startTarget(t, (count) => (count === 10 ? 503 : 200));
  await t.rejects(drive(target, sent, load), /replies 1 failed/);
});

t.test('without wrk the benchmark says how to install it and exits with 69', async (t) => {
  const entry = fileURLToPath(new URL('../../bench/http.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [entry], { env: { BENCH_WRK: '/nowhere' }, encoding: 'utf8' });
  t.equal(status, 69);
  t.match(stderr, 'apt-get install wrk');
});

t.test('requests are read as they are named', async (t) => {
  const read = (text: string) => {
    const { sent, connections } = parseRequest(text, 32);
    return [requestName(sent), connections];
  };
  t.same(read('64x1000 soft'), ['64x1000 soft', 32]);
  t.same(read(' 1x1000x300 indices@1'), ['1x1000x300 indices', 1]);
  t.same(read('64x1000 binary'), ['64x1000 binary', 8]);
  for (const text of ['64x1000', '64 soft', '0x10 soft', '64x1000 soft@0', '1x10 firm']) t.throws(() => read(text));
});

t.test('the tree of a process has its children', { skip: process.platform !== 'linux' && 'reads /proc' }, async (t) => {
  const script = `console.log(require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(' ')[3])`;
  t.equal(Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })), process.pid);
  t.ok(processTree(process.ppid).includes(process.pid));
});
