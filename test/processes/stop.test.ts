/** The end of a service of several processes: all together, once, and without a lost request. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { childrenOf, draw, isAlive, post, startTwo, until } from '../support/processes.js';

const large = { logits: Array(1000).fill(0), num_samples: 50_000, return: ['indices'] };

t.test('SIGTERM under load: every request is answered, and all processes end with 0', async (t) => {
  for (const keepAlive of [true, false]) {
    const { child, url, exit, stderr } = await startTwo({ DRAIN_DELAY_MS: '3000' });
    const pids = childrenOf(child.pid as number);
    const load = draw(url, 8, { keepAlive });
    await until('they draw', () => (load.counts['200'] ?? 0) > 100);
    const inFlight = Array.from({ length: 4 }, () => post(url, large));
    await until('the large draws have begun', async () => (await fetch(`${url}/livez`)).status === 200);
    child.kill('SIGTERM');
    await until('it is unready', async () => (await fetch(`${url}/readyz`)).status === 503);
    t.ok((await post(url, { logits: [1] })).closes, 'during the drain connections are closed after a reply');
    for (const answer of inFlight) t.equal((await answer).status, 200);
    await load.stop();
    t.same(await exit, [0, null]);
    // One that waits in the kernel when the socket that listens is closed may be reset.
    const { 200: answered = 0, ECONNREFUSED: refused = 0, ECONNRESET: reset = 0, ...others } = load.counts;
    t.ok(answered > 100 && refused <= 8 && reset <= (keepAlive ? 0 : 1), JSON.stringify(load.counts));
    t.same(others, {});
    t.notOk(pids.some(isAlive));
    t.equal(stderr(), '');
  }
});

t.test(
  'a terminal signals every process of its group at once: that is one signal, and the service drains',
  async (t) => {
    const entry = fileURLToPath(new URL('../../src/server.js', import.meta.url));
    const child = spawn(process.execPath, [entry], {
      detached: true,
      env: { ...process.env, HOST: '127.0.0.1', PORT: '0', PROCESSES: '2', WORKERS: '2', DRAIN_DELAY_MS: '3000' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    child.stdout.on('data', (chunk) => {
      log += chunk;
    });
    await until('it serves', () => /serving at/.test(log));
    const url = /serving at (http:\/\/\S+) /.exec(log)?.[1] as string;
    const pids = childrenOf(child.pid as number);
    process.kill(-(child.pid as number), 'SIGINT');
    // One that sends it to every process of a control group, as systemd does.
    for (const pid of pids) process.kill(pid, 'SIGINT');
    await until('it stops', () => /stopping/.test(log));
    t.equal((await post(url, { logits: [1, 2] })).status, 200, 'it drains');
    t.same(await once(child, 'exit'), [0, null]);
    t.notOk(pids.some(isAlive));
  },
);

t.test('a second signal ends all of them at once', async (t) => {
  const { child, lines, exit } = await startTwo({ DRAIN_DELAY_MS: '60000' });
  const pids = childrenOf(child.pid as number);
  child.kill('SIGTERM');
  await until('it stops', () => lines.some(({ msg }) => String(msg).startsWith('stopping')));
  child.kill('SIGINT');
  t.same(await exit, [130, null]);
  await until('they have ended', () => !pids.some(isAlive), 5000);
});

t.test('a signal during the start ends it cleanly', async (t) => {
  const { run } = await import('../support/server-process.js');
  const { child, exit, stderr } = run({ PROCESSES: '2', WORKERS: '2' });
  await until('the processes start', () => childrenOf(child.pid as number).length === 2);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
});
