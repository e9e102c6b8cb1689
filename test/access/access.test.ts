/**
 * API keys as clients and operators meet them: which routes ask, what is answered, quotas, and a key file that changes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { needsKey } from '../../src/access/guard.js';
import { jobUnits } from '../../src/sampler/cost.js';
import { readExposition } from '../support/exposition.js';
import { makeJob } from '../support/jobs.js';
import { run } from '../support/server-process.js';
import { type ServiceParts, startService } from '../support/service.js';

const lineFor = (name: string, key: string, quota = '') =>
  `${name}:${createHash('sha256').update(key).digest('hex')}${quota}\n`;

const folder = mkdtempSync(join(tmpdir(), 'access-'));
t.teardown(() => rmSync(folder, { recursive: true }));
let files = 0;

function keyFile(text: string): string {
  const path = join(folder, `keys-${files++}`);
  writeFileSync(path, text);
  return path;
}

async function guarded(
  t: { teardown: (close: () => Promise<void>) => void },
  text: string,
  environment: Record<string, string> = {},
  parts: ServiceParts = {},
) {
  const path = keyFile(text);
  const service = await startService({ API_KEYS_FILE: path, ...environment }, parts);
  t.teardown(service.close);
  const draw = (key: string | undefined, body: unknown = { logits: [1, 2], seed: 1 }, url = '/sample') =>
    service.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      payload: JSON.stringify(body),
    });
  return { service, path, draw };
}

t.test('every route that draws or describes models asks for a key; probes, metrics and pages do not', async (t) => {
  const { service } = await guarded(t, lineFor('alice', 'k'));
  const open = [
    '/livez',
    '/readyz',
    '/metrics',
    '/',
    '/explore',
    '/explore/page.js',
    '/docs',
    '/docs/',
    '/openapi.json',
    '/openapi.yaml',
  ];
  open.push('/problems/unauthenticated', '/v2/health/live', '/v2/health/ready', '/v2/models/gumbel_softmax/ready');
  for (const url of open) t.ok((await service.app.inject(url)).statusCode < 400, `${url} is open`);
  const closed = [
    ['POST', '/sample'],
    ['POST', '/sample/vjp'],
    ['POST', '/log-prob'],
    ['POST', '/v2/models/gumbel_softmax/infer'],
    ['POST', '/v2/models/gumbel_softmax/versions/1/infer'],
    ['GET', '/v2'],
    ['GET', '/v2/models/gumbel_softmax'],
    ['GET', '/v2/models/gumbel_softmax/versions/1'],
  ] as const;
  for (const [method, url] of closed) t.equal((await service.app.inject({ method, url })).statusCode, 401, url);
  t.ok(needsKey('/anything/new'), 'a route that nobody thought of is closed');
});

t.test('the document says which routes need a key: always, or where keys are on', async (t) => {
  const { service } = await guarded(t, lineFor('alice', 'k'));
  const openService = await startService();
  t.teardown(openService.close);
  for (const [{ app }, expected] of [
    [service, [{ apiKey: [] }]],
    [openService, [{}, { apiKey: [] }]],
  ] as const) {
    await app.ready();
    const { paths, components } = (await app.inject('/openapi.json')).json();
    t.match(components.securitySchemes.apiKey, { type: 'http', scheme: 'bearer' });
    t.same(paths['/sample'].post.security, expected);
    t.equal(paths['/livez'].get.security, undefined);
    for (const [path, item] of Object.entries<Record<string, { security?: unknown; responses: object }>>(paths)) {
      for (const { security, responses } of Object.values(item)) {
        t.equal(security !== undefined, '401' in responses, `${path} describes 401 exactly where it needs a key`);
      }
    }
  }
});

t.test(
  'a known key draws the same bytes as without keys; a missing or unknown one is 401 before the body is read',
  async (t) => {
    const { service, draw } = await guarded(t, lineFor('alice', 'right-key'));
    const openService = await startService();
    t.teardown(openService.close);
    const known = await draw('right-key');
    t.equal(known.statusCode, 200);
    t.equal(known.body, (await openService.sample({ logits: [1, 2], seed: 1 })).text);
    for (const headers of [
      {},
      { authorization: 'Bearer wrong-key' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: 'Basic cmlnaHQta2V5' },
      { authorization: 'right-key' },
    ]) {
      const response = await service.app.inject({ method: 'POST', url: '/sample', headers, payload: '{not json' });
      t.equal(response.statusCode, 401);
      t.equal(response.headers['www-authenticate'], 'Bearer realm="gumbel-sampler"');
      t.equal(response.json().type, '/problems/unauthenticated');
      t.notMatch(response.body, 'key-');
    }
    const url = '/v2/models/gumbel_softmax/infer';
    t.equal(
      (await service.app.inject({ method: 'POST', url })).json().code,
      'unauthenticated',
      'in the form of /v2 too',
    );
    const lower = await service.app.inject({ url: '/v2', headers: { authorization: 'bearer right-key' } });
    t.equal(lower.statusCode, 200, 'the name of the scheme has no case');
  },
);

t.test('what a key draws is counted by its name, in the metrics and in the log', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const logTo = (line: string) => lines.push(JSON.parse(line));
  const { service, draw } = await guarded(t, lineFor('alice', 'k'), { LOG_LEVEL: 'debug' }, { logTo });
  await draw('k', { logits: [1, 2, 3], num_samples: 4 });
  await draw('k', { logits: [] });
  const { value } = readExposition((await service.app.inject('/metrics')).body);
  t.equal(value('gumbel_api_key_elements_total', { key: 'alice' }), 12);
  t.match(
    lines.find(({ route }) => route === '/sample'),
    { key: 'alice', status: 200 },
  );
});

t.test('a quota is charged before the draw, and Retry-After says when the draw is let through', async (t) => {
  let nowMs = 0;
  const quota = jobUnits(makeJob({ categories: 2, samples: 300 }));
  const environment = { QUOTA_ELEMENTS_PER_MINUTE: String(quota) };
  const text = lineFor('alice', 'a') + lineFor('bob', 'b', `:${10 * quota}`) + lineFor('carol', 'c', ':0');
  const { service, draw } = await guarded(t, text, environment, { now: () => nowMs });
  const body = { logits: [0, 0], num_samples: 300 };
  t.equal((await draw('a', body)).statusCode, 200);
  const refused = await draw('a', { logits: [0, 0, 0], num_samples: 5 });
  t.equal(refused.statusCode, 429);
  t.equal(refused.json().type, '/problems/quota-exceeded');
  const waitSeconds = Math.ceil(jobUnits(makeJob({ categories: 3, samples: 5 })) / (quota / 60));
  t.equal(refused.headers['retry-after'], String(waitSeconds), 'what it costs, at a sixtieth of the quota a second');
  t.equal((await draw('b', body)).statusCode, 200, 'a line of the file can give another quota');
  for (let round = 0; round < 3; round++) t.equal((await draw('c', body)).statusCode, 200, 'or none');
  nowMs += 1000 * waitSeconds;
  t.equal((await draw('a', { logits: [0, 0, 0], num_samples: 5 })).statusCode, 200);
  const inference = { inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 9], data: Array(9).fill(0) }] };
  const underV2 = await draw('a', inference, '/v2/models/gumbel_softmax/infer');
  t.equal(underV2.statusCode, 429);
  t.equal(underV2.json().code, 'quota-exceeded');
  const gradient = await draw('a', { logits: [0, 0, 0, 0, 0, 0], seed: 1, cotangent: Array(6).fill(1) }, '/sample/vjp');
  t.equal(gradient.statusCode, 429);
  const { value } = readExposition((await service.app.inject('/metrics')).body);
  t.equal(value('gumbel_requests_shed_total', { reason: 'quota-exceeded' }), 3);
  t.equal(value('gumbel_api_key_elements_total', { key: 'alice' }), 615, 'what was refused was not drawn');
});

t.test('a draw that the full queue turns away costs no quota', async (t) => {
  const quota = 30 * jobUnits(makeJob({ categories: 2, samples: 1000 }));
  const environment = { QUOTA_ELEMENTS_PER_MINUTE: String(quota), QUEUE_REQUESTS_MAX: '1' };
  const { draw, service } = await guarded(t, lineFor('alice', 'a'), environment, { now: () => 0 });
  const replies = await Promise.all(Array.from({ length: 30 }, () => draw('a', { logits: [1, 2], num_samples: 1000 })));
  const drawn = replies.filter(({ statusCode }) => statusCode === 200).length;
  t.equal(replies.filter(({ statusCode }) => statusCode === 503).length, 30 - drawn);
  t.ok(drawn < 30);
  const { value } = readExposition((await service.app.inject('/metrics')).body);
  t.equal(value('gumbel_api_key_elements_total', { key: 'alice' }), drawn * 2000);
  for (let rest = drawn; rest < 30; rest++) {
    t.equal((await draw('a', { logits: [1, 2], num_samples: 1000 })).statusCode, 200, 'all of the rest is there');
  }
  t.equal((await draw('a')).statusCode, 429);
});

t.test('what was drawn of a draw that was given up stays charged, and the rest is given back', async (t) => {
  // A quota of one such draw; a worker takes long enough for it to be left in the middle.
  const job = { categories: 1024, samples: 100_000 };
  const quota = jobUnits(makeJob({ ...job, outputs: new Set(['indices'] as const) }));
  const environment = { QUOTA_ELEMENTS_PER_MINUTE: String(quota) };
  const { service } = await guarded(t, lineFor('alice', 'a'), environment, { now: () => 0 });
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  const body = JSON.stringify({ logits: Array(job.categories).fill(0), num_samples: job.samples, return: ['indices'] });
  const drawn = async () =>
    readExposition((await service.app.inject('/metrics')).body).value('gumbel_api_key_elements_total', {
      key: 'alice',
    });
  const ask = async (signal?: AbortSignal) => {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer a' };
    const init = { method: 'POST', headers, body, ...(signal && { signal }) };
    return (await fetch(`http://127.0.0.1:${port}/sample`, init)).status;
  };
  let begun = 0;
  let status: number | undefined;
  // Whoever leaves again and again comes to the end of the quota: every time something is drawn.
  for (let time = 0; status !== 429 && time < 1000; time++) {
    const leave = new AbortController();
    const reply = ask(leave.signal).catch(() => undefined);
    // Let it begin before it is left, or find that it is refused.
    const isOver = reply.then(() => true);
    const isBegun = async () => service.sampler.load().queuedRequests > 0;
    while (
      !(await isBegun()) &&
      !(await Promise.race([isOver, new Promise((resolve) => setImmediate(resolve, false))]))
    );
    if (service.sampler.load().queuedRequests > 0) leave.abort();
    status = await reply;
    while (service.sampler.load().queuedRequests > 0) await new Promise(setImmediate);
    const before = begun;
    begun = (await drawn()) ?? 0;
    if (status === undefined) t.ok(begun > before, 'what was begun is counted');
  }
  t.equal(status, 429);
  t.ok(begun <= job.categories * job.samples, `${begun} elements: no more than the quota was drawn`);
});

t.test('a changed file is taken over: keys come and go, and those that stay keep their quota', async (t) => {
  const lines: { msg?: string; keys?: number; level?: number; reason?: string }[] = [];
  const logTo = (line: string) => lines.push(JSON.parse(line));
  const { service, path, draw } = await guarded(
    t,
    lineFor('alice', 'a') + lineFor('bob', 'b'),
    { QUOTA_ELEMENTS_PER_MINUTE: '2' },
    { logTo, now: () => 0 },
  );
  t.equal((await draw('a')).statusCode, 200);
  t.equal((await draw('b')).statusCode, 200);
  writeFileSync(path, lineFor('alice', 'a') + lineFor('carol', 'c'));
  await service.access?.check();
  t.match(lines.at(-1), { msg: 'the API keys changed', keys: 2 });
  t.equal((await draw('b')).statusCode, 401);
  t.equal((await draw('c')).statusCode, 200);
  t.equal((await draw('a')).statusCode, 429, 'alice has used up hers');
  const { value } = readExposition((await service.app.inject('/metrics')).body);
  t.equal(value('gumbel_api_key_elements_total', { key: 'bob' }), undefined, 'the series of a name that went ends');
  const before = lines.length;
  await service.access?.check();
  t.equal(lines.length, before, 'a file that did not change is not news');
});

t.test('a file that breaks leaves the old keys and one line in the log, and heals', async (t) => {
  const lines: { msg?: string; level?: number; reason?: string }[] = [];
  const logTo = (line: string) => lines.push(JSON.parse(line));
  const { service, path, draw } = await guarded(t, lineFor('alice', 'a'), {}, { logTo });
  for (const [text, reason] of [
    ['', 'it has no key: add a line name:sha256'],
    ['alice:short', /^line 1 is not/],
    ['#'.repeat(2 ** 18 + 1), /larger than/],
  ] as const) {
    writeFileSync(path, text);
    lines.length = 0;
    await service.access?.check();
    await service.access?.check();
    t.equal(lines.length, 1);
    t.match(lines[0], { level: 50, reason, msg: 'the key file is invalid: the previous API keys stay valid' });
    t.equal((await draw('a')).statusCode, 200);
  }
  rmSync(path);
  await service.access?.check();
  t.match(lines.at(-1)?.reason, 'ENOENT');
  writeFileSync(path, lineFor('alice', 'new'));
  await service.access?.check();
  t.equal((await draw('a')).statusCode, 401);
  t.equal((await draw('new')).statusCode, 200);
});

t.test("a Secret's swap of symbolic links is a change", async (t) => {
  const mount = join(folder, 'mount');
  for (const [version, key] of [
    ['v1', 'old'],
    ['v2', 'new'],
  ] as const) {
    mkdirSync(join(mount, version), { recursive: true });
    writeFileSync(join(mount, version, 'keys'), lineFor('alice', key));
  }
  symlinkSync('v1', join(mount, '..data'));
  symlinkSync(join('..data', 'keys'), join(mount, 'keys'));
  const { service, draw } = await guarded(t, '# unused', { API_KEYS_FILE: join(mount, 'keys') });
  t.equal((await draw('old')).statusCode, 200);
  symlinkSync('v2', join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  await service.access?.check();
  t.equal((await draw('old')).statusCode, 401);
  t.equal((await draw('new')).statusCode, 200);
});

t.test('a key file that cannot work ends the start with one clear line and exit code 78', async (t) => {
  for (const [API_KEYS_FILE, message] of [
    [keyFile('alice:short'), /API_KEYS_FILE is ".*", but line 1 is not name:sha256/],
    [join(folder, 'nowhere'), /API_KEYS_FILE is ".*", but ENOENT/],
  ] as const) {
    const { exit, stderr } = run({ API_KEYS_FILE });
    t.same(await exit, [78, null]);
    t.match(stderr(), message);
    t.equal(stderr().split('\n').length, 2);
  }
});

t.test('the command of docs/access.md makes a key and its line', async (t) => {
  const text = readFileSync(new URL('../../../docs/access.md', import.meta.url), 'utf8');
  const command = /^key=.*$/m.exec(text)?.[0];
  if (command === undefined) throw new Error('docs/access.md has no command that makes a key.');
  const cwd = mkdtempSync(join(folder, 'command-'));
  const key = /\S+$/.exec(execFileSync('sh', ['-c', command], { cwd, encoding: 'utf8' }).trim())?.[0] as string;
  t.ok(key.length >= 43, 'at least 256 bits');
  const { draw } = await guarded(t, readFileSync(join(cwd, 'api-keys'), 'utf8'));
  t.equal((await draw(key)).statusCode, 200);
});
