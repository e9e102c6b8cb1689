/** Faults of the built service as its own process: workers that fail, stops that do not end, signals at any time. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { run, start } from './support/server-process.js';
import { faultLogit, withFault } from './support/worker-fault.js';

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
}

async function draw(url: string, logits: number[], headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}/sample`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ logits }),
  });
  const { type } = (await response.json()) as { type?: string };
  return { status: response.status, type };
}

const lost = { status: 503, type: '/problems/worker-lost' };

for (const fault of ['throw', 'heap'] as const) {
  t.test(`a worker that fails (${fault}) fails only its own batch and is replaced`, async (t) => {
    const { child, url, lines, exit } = await start({
      ...withFault(fault),
      DEADLINE_MS: '60000',
      WATCHDOG_MS: '60000',
    });
    const [failed, other] = await Promise.all([draw(url, [faultLogit, 1]), draw(url, [1, 2, 3])]);
    t.same(failed, lost);
    t.equal(other.status, 200, 'a batch of another size beside it');
    t.equal((await draw(url, [1, 2])).status, 200);
    t.equal(lines.filter(({ msg }) => msg === 'a worker thread was lost').length, 1);
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  });
}

t.test('five workers lost make the service unready, and it goes on drawing', async (t) => {
  const { child, url, exit } = await start(withFault('throw'));
  for (let losses = 0; losses < 5; losses++) {
    t.equal((await fetch(`${url}/readyz`)).status, 200);
    t.same(await draw(url, [faultLogit]), lost);
    t.equal((await draw(url, [1])).status, 200);
  }
  const unready = await fetch(`${url}/readyz`);
  t.equal(unready.status, 503);
  t.equal(((await unready.json()) as { type: string }).type, '/problems/worker-lost');
  t.equal((await draw(url, [1])).status, 200);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('a stuck worker: every caller is answered, and the process ends with code 70', async (t) => {
  const { url, exit } = await start({ ...withFault('hang'), WATCHDOG_MS: '1000' });
  const stuck = draw(url, [faultLogit]);
  const queued = draw(url, [1, 2]);
  const hurried = draw(url, [1, 2, 3], { 'x-deadline-ms': '50' });
  t.same(await hurried, { status: 504, type: '/problems/deadline-exceeded' }, 'while the only worker hangs');
  t.same(await stuck, lost);
  t.same(await queued, lost);
  t.same(await exit, [70, null]);
});

/** Before Node.js 22.15 a process whose workers may be drawing can end itself only by SIGKILL. */
function endedAtOnce([code, signal]: [number | null, string | null], expected: number): boolean {
  return 'execve' in process ? code === expected : signal === 'SIGKILL';
}

t.test('a stop that takes longer than its limit ends the process, not with code 0', async (t) => {
  const { child, url, exit } = await start({ ...withFault('hang'), SHUTDOWN_TIMEOUT_MS: '1000' });
  draw(url, [faultLogit]).catch(() => {});
  while ((await draw(url, [1], { 'x-deadline-ms': '20' })).status !== 504);
  child.kill('SIGTERM');
  t.ok(endedAtOnce(await exit, 70));
});

t.test('a second signal ends the process at once, in the middle of draws', async (t) => {
  const { child, url, lines, exit } = await start({ WORKERS: '2' });
  const large = JSON.stringify({ logits: Array(1000).fill(0), num_samples: 100_000, return: ['indices'] });
  const headers = { 'content-type': 'application/json' };
  for (let i = 0; i < 4; i++) fetch(`${url}/sample`, { method: 'POST', headers, body: large }).catch(() => {});
  t.equal((await draw(url, [1])).status, 200);
  child.kill('SIGTERM');
  while (!lines.some(({ msg }) => String(msg).startsWith('stopping'))) await new Promise(setImmediate);
  child.kill('SIGINT');
  t.ok(endedAtOnce(await exit, 130));
});

t.test(
  'the same signal again at once is the same one, as npm and timeout(1) pass on what has come already',
  async (t) => {
    const { child, url, lines, exit } = await start({ DRAIN_DELAY_MS: '300' });
    for (const signal of ['SIGINT', 'SIGINT', 'SIGINT'] as const) child.kill(signal);
    while (!lines.some(({ msg }) => String(msg).startsWith('stopping'))) await new Promise(setImmediate);
    child.kill('SIGINT');
    t.equal((await draw(url, [1])).status, 200, 'it drains');
    t.same(await exit, [0, null]);
  },
);

t.test('a process manager that insists is heard: the same signal later ends the process at once', async (t) => {
  const { child, lines, exit } = await start({ DRAIN_DELAY_MS: '60000' });
  const insist = setInterval(() => child.kill('SIGTERM'), 20);
  t.same(await exit, [143, null]);
  clearInterval(insist);
  t.equal(lines.at(-1)?.msg, 'second signal: ending now');
});

t.test('a signal during the start ends it cleanly, however early', async (t) => {
  // Says when the process has its listeners, of which this is the last; that comes before everything it says itself.
  const sayWhen =
    "process.on('newListener', (name) => name === 'uncaughtException' && process.stdout.write('listens'));";
  const { child, exit, stderr } = run({
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(sayWhen)}`,
  });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
});

t.test('a signal between the start of the workers and the first request ends it cleanly', async (t) => {
  const { child, exit, stderr } = run({ WORKERS: '2' });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
});

t.test('a stop answers a request that was still being sent, and closes connections that never send one', async (t) => {
  const { child, url, lines, exit } = await start({ HEADERS_TIMEOUT_MS: '1000' });
  const port = Number(new URL(url).port);
  const slow = connect(port, '127.0.0.1');
  const silent = connect(port, '127.0.0.1');
  const body = '{"logits":[1,2]}';
  slow.write(
    `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  await Promise.all([once(slow, 'connect'), once(silent, 'connect')]);
  t.equal((await draw(url, [1])).status, 200, 'the connections before this one are accepted');
  child.kill('SIGTERM');
  while (!lines.some(({ msg }) => String(msg).startsWith('stopping'))) await new Promise(setImmediate);
  slow.write(body.slice(5));
  let reply = '';
  slow.on('data', (chunk) => {
    reply += chunk;
  });
  silent.resume();
  await once(slow, 'close');
  t.match(reply, /^HTTP\/1\.1 200 /);
  t.same(await exit, [0, null]);
});
