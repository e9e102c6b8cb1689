/** The built service as its own process: start, stop, and the exit codes an operator sees. */
import t from 'tap';
import { run, start } from './support/server-process.js';

function post(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/sample`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

t.test('the last line before serving says the address, the provider and the worker count', async (t) => {
  const { child, url, lines, exit } = await start({ WORKERS: '2' });
  t.match(lines.at(-1)?.msg, /^serving at http:\/\/127\.0\.0\.1:\d+ with provider cpu \(.+\) and 2 workers$/);
  t.equal((await post(url, { logits: [1, 2] })).status, 200);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('SIGTERM: unready at once, requests in flight and during the drain are answered, exit code 0', async (t) => {
  const { child, url, exit, stderr } = await start({ DRAIN_DELAY_MS: '400' });
  const inFlight = Array.from({ length: 4 }, () =>
    post(url, { logits: Array(1000).fill(0), num_samples: 20_000, return: ['indices'] }),
  );
  while ((await fetch(`${url}/livez`)).status !== 200);
  child.kill('SIGTERM');
  while ((await fetch(`${url}/readyz`)).status !== 503);
  const during = await post(url, { logits: [1, 2] });
  t.equal(during.status, 200);
  t.equal(during.headers.get('connection'), 'close');
  for (const response of await Promise.all(inFlight)) {
    t.equal(response.status, 200);
    t.equal(((await response.json()) as { indices: number[] }).indices.length, 20_000);
  }
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
});

t.test('a bad configuration ends the start with one clear line and exit code 78', async (t) => {
  const { exit, stderr } = run({ PORT: 'http' });
  t.same(await exit, [78, null]);
  t.equal(
    stderr(),
    'gumbel-sampler cannot start: PORT is "http", but it must be a whole number from 0 to 65535 (TCP port)\n',
  );
});

/** No Vulkan driver can be found, whatever the machine has. */
const withoutGpu = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };

t.test(
  'a provider asked for by name that cannot work ends the start with what is missing and exit code 78',
  async (t) => {
    for (const [provider, missing] of [
      ['cuda', /npm run install:cuda/],
      ['webgpu', /Vulkan driver/],
    ] as const) {
      const { exit, stderr } = run({ ...withoutGpu, EXECUTION_PROVIDER: provider });
      t.same(await exit, [78, null]);
      const last = stderr().trimEnd().split('\n').at(-1);
      t.match(last, new RegExp(`^gumbel-sampler cannot start: provider ${provider} cannot be used: `));
      t.match(last, missing);
    }
  },
);

t.test(
  'auto serves from the CPU where nothing else works, and logs what it tried and why it took none of it',
  async (t) => {
    const { child, url, lines, exit } = await start({ ...withoutGpu, EXECUTION_PROVIDER: 'auto' });
    const tried = lines.filter(({ refused }) => refused !== undefined);
    t.same(
      tried.map(({ refused }) => refused),
      ['cuda', 'webgpu'],
    );
    for (const { msg, refused } of tried) t.match(msg, `auto: provider ${refused} cannot be used: `);
    t.match(lines.at(-1)?.msg, /with provider cpu \(.+\) and 1 worker$/);
    const { provider } = (await (await post(url, { logits: [1, 2] })).json()) as { provider: string };
    t.equal(provider, 'cpu');
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  },
);

t.test('a port that is taken ends the start with one clear line and exit code 70', async (t) => {
  const first = await start();
  const { exit, stderr } = run({ PORT: new URL(first.url).port });
  t.same(await exit, [70, null]);
  t.match(stderr(), /^gumbel-sampler cannot start: .*EADDRINUSE.*\n$/);
  first.child.kill('SIGINT');
  t.same(await first.exit, [0, null]);
});

t.test('a seed gives the same bytes after a restart', async (t) => {
  const replies: string[] = [];
  for (const WORKERS of ['1', '2']) {
    const { child, url, exit } = await start({ WORKERS });
    replies.push(
      await (
        await post(url, {
          logits: [
            [1, 2, 3],
            [0, null, 1],
          ],
          temperature: 0.7,
          seed: 3,
          num_samples: 50,
        })
      ).text(),
    );
    child.kill('SIGTERM');
    await exit;
  }
  t.equal(replies[0], replies[1]);
});
