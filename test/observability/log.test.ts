/** The log: what it says of requests, what it never says, and that a reader who stalls does not stall requests. */
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openLog } from '../../src/observability/log.js';
import type { Sampler } from '../../src/sampler/sampler.js';
import { readExposition } from '../support/exposition.js';
import { run } from '../support/server-process.js';
import { startService } from '../support/service.js';

type Line = Record<string, unknown> & { err?: { message: string } };

async function logged(t: { teardown: (close: () => Promise<void>) => void }, environment: Record<string, string> = {}) {
  const lines: Line[] = [];
  const service = await startService(environment, { logTo: (line) => lines.push(JSON.parse(line)) });
  t.teardown(service.close);
  return { service, lines };
}

t.test("a client's request id is taken, sent back and logged; one that is not well-formed is replaced", async (t) => {
  const { service, lines } = await logged(t, { LOG_LEVEL: 'debug' });
  const { app } = service;
  for (const id of ['a', 'x'.repeat(128), 'trace-1.2_3', '4bf92f3577b34da6a3ce929d0e0e4736']) {
    const { headers } = await app.inject({ url: '/livez', headers: { 'x-request-id': id } });
    t.equal(headers['x-request-id'], id);
    t.match(lines.at(-1), { request_id: id, method: 'GET', route: '/livez', status: 200, msg: 'request answered' });
  }
  const seen = new Set<unknown>();
  for (const id of ['', 'x'.repeat(129), 'two words', 'a,b', 'ümlaut', '"}', '../etc', undefined]) {
    const { headers } = await app.inject({ url: '/livez', headers: id === undefined ? {} : { 'x-request-id': id } });
    t.match(headers['x-request-id'], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(headers['x-request-id']);
  }
  t.equal(seen.size, 8, 'every new id is another');
});

t.test(
  'every error reply carries the id in its header and its body, and its instance is a URI reference',
  async (t) => {
    const { service } = await logged(t);
    const headers = { 'x-request-id': 'mine', 'content-type': 'application/json' };
    for (const [method, url, code] of [
      ['GET', '/nowhere', 'not-found'],
      ['GET', '/sample', 'method-not-allowed'],
      ['GET', '/%zz', 'bad-request'],
      ['POST', '/sample', 'malformed-json'],
      ['GET', '/docs/static/nothing.js', 'not-found'],
    ] as const) {
      const response = await service.app.inject({
        method,
        url,
        headers,
        ...(method === 'POST' ? { payload: '{' } : {}),
      });
      t.equal(response.headers['x-request-id'], 'mine', url);
      t.match(response.json(), { request_id: 'mine', instance: `/problems/${code}#mine` });
    }
    const inference = await service.app.inject({
      method: 'POST',
      url: '/v2/models/none/infer',
      headers,
      payload: '{}',
    });
    t.equal(inference.headers['x-request-id'], 'mine');
    t.equal(inference.json().request_id, 'mine');
  },
);

t.test('every reply of 5xx leaves one line with its id, and other errors leave none', async (t) => {
  const { service, lines } = await logged(t);
  service.lifecycle.draining = true;
  await service.app.inject({ url: '/readyz', headers: { 'x-request-id': 'probe' } });
  await service.sample({ logits: [] });
  const failing = service.sampler as { -readonly [Key in keyof Sampler]: Sampler[Key] };
  failing.draw = async () => {
    throw new Error('the cause');
  };
  const { reply } = await service.sample({ logits: [1] });
  t.equal(lines.length, 2);
  t.match(lines[0], { level: 40, request_id: 'probe', route: '/readyz', status: 503, code: 'draining' });
  t.match(lines[1], { level: 50, request_id: reply.request_id, route: '/sample', status: 500, code: 'internal' });
  t.equal(lines[1]?.err?.message, 'the cause');
});

t.test('no body, no key and no header is ever logged, at any level', async (t) => {
  const { service, lines } = await logged(t, { LOG_LEVEL: 'trace' });
  const headers = {
    authorization: 'Bearer top-secret-key',
    'content-type': 'application/json',
    cookie: 'secret-cookie',
  };
  for (const payload of ['{"logits":[123456.75]}', '{"logits":[123456.75],"wrong":"secret-field"}', '{secret-body']) {
    await service.app.inject({ method: 'POST', url: '/sample?secret-query', headers, payload });
  }
  const text = JSON.stringify(lines);
  t.ok(lines.length >= 3);
  for (const secret of [
    'top-secret-key',
    'secret-cookie',
    '123456.75',
    'secret-field',
    'secret-body',
    'secret-query',
  ]) {
    t.notMatch(text, secret);
  }
});

t.test('authorization is redacted even where somebody logs headers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'log');
  const { logger, close } = openLog({ level: 'info', fd: openSync(path, 'w'), lineDropped: () => t.fail('dropped') });
  logger.info(
    { authorization: 'k1', headers: { authorization: 'k2' }, req: { headers: { authorization: 'k3' } } },
    'x',
  );
  t.ok(await close(), 'everything was written');
  logger.info('a late line is lost, and not an error');
  const text = readFileSync(path, 'utf8');
  t.equal(text.trim().split('\n').length, 1);
  t.notMatch(text, /k[123]/);
  t.equal(text.match(/\[redacted\]/g)?.length, 3);
});

/** Makes the line of a request long, so that fewer of them fill what is kept. */
const longLines = { headers: { 'x-request-id': 'x'.repeat(128) } };

t.test(
  'a stdout that nobody reads stalls no request; dropped lines are counted, and reported once it flows',
  async (t) => {
    const { child, exit } = run({ LOG_LEVEL: 'debug' });
    const { stdout } = child;
    if (!stdout) throw new Error('The child has no stdout.');
    let text = '';
    const until = (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve) => {
        const look = () => {
          const found = pattern.exec(text);
          if (found) resolve(found);
          else stdout.once('data', () => setImmediate(look));
        };
        look();
      });
    stdout.on('data', (chunk) => {
      text += chunk;
    });
    const url = (await until(/serving at (http:\/\/\S+)/))[1];
    stdout.pause();
    const dropped = async () =>
      readExposition(await (await fetch(`${url}/metrics`)).text()).value('gumbel_log_lines_dropped_total') ?? 0;
    // Over 300 bytes a line, and 1 MiB is kept: 20,000 lines are more than enough.
    let answered = 0;
    while ((await dropped()) === 0 && answered < 20_000) {
      const replies = await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/livez`, longLines)));
      for (const reply of replies) answered += reply.status === 200 ? 1 : 0;
      await Promise.all(replies.map((reply) => reply.arrayBuffer()));
    }
    t.equal(answered % 100, 0, 'every request was answered while nobody read');
    const lines = await dropped();
    t.ok(lines > 0);
    stdout.resume();
    const report = await until(/"lines":(\d+),"msg":"log lines were dropped because stdout stalled"/);
    t.ok(Number(report[1]) >= lines, 'the report counts them');
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  },
);

t.test('SIGTERM ends the process with 0 even while nobody reads its stdout', async (t) => {
  const { child, exit } = run({ LOG_LEVEL: 'debug' });
  const { stdout } = child;
  if (!stdout) throw new Error('The child has no stdout.');
  const url = await new Promise<string>((resolve) => {
    let text = '';
    stdout.on('data', (chunk) => {
      text += chunk;
      const found = /serving at (http:\/\/\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
  });
  stdout.pause();
  for (let round = 0; round < 10; round++) {
    const replies = await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/livez`, longLines)));
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
  }
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('of an overload a line a second is logged, which says how many it stands for', async (t) => {
  const { service, lines } = await logged(t, { QUEUE_REQUESTS_MAX: '1' });
  const flood = async () => {
    const body = { logits: [1, 2], num_samples: 1000 };
    const answers = await Promise.all(Array.from({ length: 30 }, () => service.sample(body)));
    return answers.filter(({ status }) => status === 503).length;
  };
  const ofOverload = () => lines.filter(({ code }) => code === 'overloaded');
  const first = await flood();
  t.ok(first > 1);
  t.match(ofOverload(), [{ level: 40, requests: 1, route: '/sample', status: 503, request_id: /./ }]);
  t.equal(ofOverload().length, 1);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await flood();
  t.equal(ofOverload().length, 2);
  t.equal(ofOverload()[1]?.requests, first, 'those that had no line, and this one');
});
