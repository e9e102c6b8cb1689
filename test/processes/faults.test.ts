/** Processes that die, get stuck or cannot start: it costs the requests that they had in flight, and nothing else. */
import t from 'tap';
import { readExposition } from '../support/exposition.js';
import { childrenOf, draw, isAlive, post, startTwo, until } from '../support/processes.js';
import { run, start } from '../support/server-process.js';
import { faultLogit, withFault } from '../support/worker-fault.js';

const clients = 8;

/** Failures of clients whose connection was with a process that ended. */
function failures(counts: Record<string, number>): number {
  return Object.entries(counts).reduce((sum, [became, count]) => sum + (became === '200' ? 0 : count), 0);
}

t.test('a process that is killed under load takes its own requests with it, and is replaced', async (t) => {
  const { child, url, lines, exit, stderr } = await startTwo();
  const requests = async () =>
    readExposition(await (await fetch(`${url}/metrics`)).text()).value('gumbel_http_requests_total', {
      route: '/sample',
      status: '200',
    }) ?? 0;
  const load = draw(url, clients);
  await until('they draw', () => (load.counts['200'] ?? 0) > 100);
  const before = await requests();
  t.ok(before > 0);
  const [victim] = childrenOf(child.pid as number);
  process.kill(victim as number, 'SIGKILL');
  await until('it is replaced', () => lines.some(({ msg }) => String(msg).startsWith('a process replaces a lost one')));
  t.match(
    lines.find(({ msg }) => msg === 'a process was lost'),
    { level: 50, pid: victim, how: 'signal SIGKILL' },
  );
  const { 200: answered = 0 } = load.counts;
  await until('they go on drawing', () => (load.counts['200'] ?? 0) > answered + 200);
  await load.stop();
  t.ok(failures(load.counts) <= clients, 'at most one failure of each client, on the connection that it had');
  t.notOk('ECONNREFUSED' in load.counts, 'nobody was refused');
  t.ok((await requests()) >= before, 'no counter fell');
  t.equal(childrenOf(child.pid as number).length, 2);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
});

t.test('a stuck worker ends its process alone', async (t) => {
  const { child, url, lines, exit } = await startTwo({ ...withFault('hang'), WATCHDOG_MS: '1500' });
  const pids = childrenOf(child.pid as number);
  // So many samples are drawn by a worker, and not on the HTTP thread.
  const stuck = post(url, { logits: [faultLogit], num_samples: 20_000, return: ['indices'] });
  await until('the process has lost its worker', async () => {
    t.equal((await fetch(`${url}/readyz`)).status, 200, 'the other one draws');
    return lines.some(({ msg }) => String(msg).startsWith('a worker thread is stuck'));
  });
  t.equal((await stuck).status, 503);
  await until('it is replaced', () => lines.some(({ msg }) => String(msg).startsWith('a process replaces a lost one')));
  t.equal(childrenOf(child.pid as number).filter((pid) => pids.includes(pid)).length, 1);
  t.equal((await post(url, { logits: [1] })).status, 200);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('a process whose event loop stands still holds up neither metrics nor others, and is killed', async (t) => {
  const { child, url, lines, exit } = await startTwo({ WATCHDOG_MS: '3000' });
  const [victim] = childrenOf(child.pid as number);
  await fetch(`${url}/metrics`).then((reply) => reply.text());
  process.kill(victim as number, 'SIGSTOP');
  // Its turn to get a connection may come once.
  const asked = Array.from({ length: 4 }, async () => {
    const reply = await fetch(`${url}/metrics`, { headers: { connection: 'close' } });
    return readExposition(await reply.text()).value('gumbel_workers_alive');
  });
  t.equal(await Promise.any(asked), 2, 'with what it last told');
  await until('it is killed', () => lines.some(({ msg }) => String(msg).startsWith('a process is stuck')));
  t.same(
    await Promise.all(asked).then((values) => values.length),
    4,
    'a connection that it did not take goes to another',
  );
  await until('it is replaced', () => lines.some(({ msg }) => String(msg).startsWith('a process replaces a lost one')));
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('processes that die as fast as they are replaced end the service with code 70', async (t) => {
  const { child, lines, exit } = await startTwo();
  let killed = 0;
  const kill = setInterval(() => {
    const [victim] = childrenOf(child.pid as number);
    if (victim === undefined) return;
    process.kill(victim, 'SIGKILL');
    killed += 1;
  }, 300);
  t.same(await exit, [70, null]);
  clearInterval(kill);
  t.ok(killed >= 5);
  t.ok(lines.some(({ level, msg }) => level === 60 && String(msg).startsWith('processes die as fast')));
});

t.test('a start that fails says what one process says, with its code', async (t) => {
  const two = { PROCESSES: '2', WORKERS: '2' };
  const taken = await start();
  const port = run({ ...two, PORT: new URL(taken.url).port });
  const keys = run({ ...two, API_KEYS_FILE: '/nonexistent' });
  const gpu = run({ ...two, EXECUTION_PROVIDER: 'cuda' });
  t.same(await port.exit, [70, null]);
  t.match(port.stderr(), /^gumbel-sampler cannot start: listen EADDRINUSE.*\n$/);
  t.same(await keys.exit, [78, null]);
  t.match(keys.stderr(), /^gumbel-sampler cannot start: API_KEYS_FILE is "\/nonexistent", but .*\n$/);
  t.same(await gpu.exit, [78, null]);
  t.match(gpu.stderr(), /^gumbel-sampler cannot start: PROCESSES is 2, but only one process can use a GPU.*\n$/);
  taken.child.kill('SIGTERM');
  t.same(await taken.exit, [0, null]);
});

t.test('no process outlives a primary that is killed; what is in flight is answered', async (t) => {
  const { child, url, exit } = await startTwo();
  const pids = childrenOf(child.pid as number);
  const large = { logits: Array(1000).fill(0), num_samples: 50_000, return: ['indices'] };
  const inFlight = Array.from({ length: 4 }, () => post(url, large));
  t.equal((await post(url, { logits: [1] })).status, 200);
  child.kill('SIGKILL');
  t.same(await exit, [null, 'SIGKILL']);
  for (const answer of inFlight) t.equal((await answer).status, 200);
  await until('they have ended', () => !pids.some(isAlive), 10_000);
});
