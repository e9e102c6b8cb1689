/**
 * What a draw meets while the queue is full: the same refusal as inside the app, before any of its body is read. Real
 * sockets.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readExposition } from '../support/exposition.js';
import { type ServiceParts, startService } from '../support/service.js';

/** Draws of 1,024 categories; 100,000 samples take some hundred milliseconds. */
const drawOf = (samples: number) =>
  JSON.stringify({ logits: Array(1024).fill(0), num_samples: samples, return: ['indices'] });
const longDraw = drawOf(100_000);

const head = (path: string, bytes: number) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;

/** A service whose queue is full with one request. */
async function listening(t: Test, environment: Record<string, string> = {}, parts: ServiceParts = {}) {
  // However slow the machine, deadlines give up and refuse nothing here.
  const slow = { DEADLINE_MS: '600000' };
  const options = { unitsPerMs: 1e15, ...parts };
  const service = await startService({ QUEUE_REQUESTS_MAX: '1', ...slow, ...environment }, options);
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  const send = async (path: string, init: RequestInit = {}) => {
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body: 'no JSON',
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
    });
    // Read to its end, or its connection would stay.
    return { status: reply.status, headers: reply.headers, text: await reply.text() };
  };
  /** Does something while a long draw fills the queue. */
  const whileFull = async <Value>(act: () => Promise<Value>, headers: Record<string, string> = {}): Promise<Value> => {
    const release = service.holdWorkers();
    const drawn = send('/sample', { body: longDraw, headers });
    while (!service.sampler.refusal({})) await new Promise(setImmediate);
    const value = await act();
    t.ok(service.sampler.refusal({}), 'the queue was full to the end');
    release();
    t.equal((await drawn).status, 200, 'nothing disturbed the draw');
    return value;
  };
  return { service, port, send, whileFull };
}

/** What arrives on a connection of its own until it matches. */
async function received(socket: Socket, wanted: RegExp): Promise<string> {
  let text = '';
  while (!wanted.test(text)) text += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1');
  return text;
}

const draws = [
  '/sample',
  '/sample?from=here',
  '/sample/vjp',
  '/log-prob',
  '/v2/models/gumbel_softmax/infer',
  '/v2/models/gumbel_softmax_vjp/versions/1/infer',
];

t.test('every route that draws refuses before it reads the body, and no other does', async (t) => {
  const { send, whileFull } = await listening(t);
  await whileFull(async () => {
    for (const path of draws) {
      const reply = await send(path);
      t.same([reply.status, reply.headers.get('retry-after')], [503, '1'], path);
    }
    for (const path of ['/elsewhere', '/sample/elsewhere', '/v2/models/gumbel_softmax']) {
      t.ok([404, 405].includes((await send(path)).status), path);
    }
    t.equal((await send('/sample', { method: 'GET', body: null })).status, 405);
    for (const path of ['/readyz', '/livez', '/metrics']) {
      t.equal((await send(path, { method: 'GET', body: null })).status, 200, path);
    }
  });
  t.equal((await send('/sample')).status, 400, 'bodies are read again afterwards');
});

t.test('the refusal is the one that the app itself would give', async (t) => {
  const { service, send, whileFull } = await listening(t);
  const bodies: Record<string, object> = {
    '/sample': { logits: [1] },
    '/v2/models/gumbel_softmax/infer': { inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 1], data: [1] }] },
  };
  for (const [url, payload] of Object.entries(bodies)) {
    const headers = { 'x-request-id': 'my-id', 'content-type': 'application/json' };
    const [early, late] = await whileFull(() =>
      // Injected requests go straight to the app, which finds the queue full when it comes to draw.
      Promise.all([send(url, { headers }), service.app.inject({ method: 'POST', url, headers, payload })]),
    );
    t.same([early.status, early.text], [late.statusCode, late.body], url);
    t.match(late.body, 'my-id');
    const { connection: _ours, 'keep-alive': _too, date: _now, ...lateHeaders } = late.headers;
    const ofConnection = new Set(['connection', 'keep-alive', 'date']);
    const earlyHeaders = Object.fromEntries([...early.headers].filter(([name]) => !ofConnection.has(name)));
    t.same(earlyHeaders, lateHeaders, url);
    t.same(Object.keys(earlyHeaders).toSorted(), Object.keys(lateHeaders).toSorted(), url);
  }
});

t.test('a request without Host hears of that first', async (t) => {
  const { port, whileFull } = await listening(t);
  await whileFull(async () => {
    const client = connect(port, '127.0.0.1', () => client.write('POST /sample HTTP/1.1\r\nContent-Length: 0\r\n\r\n'));
    t.match(await received(client, /\}$/), /^HTTP\/1\.1 400 /);
    client.destroy();
  });
});

t.test('a connection goes on after a short body, and is closed instead of a long one', async (t) => {
  const { port, whileFull } = await listening(t);
  await whileFull(async () => {
    const short = connect(port, '127.0.0.1', () => short.write(`${head('/sample', 20)}ten bytes.`));
    t.match(await received(short, /\}$/), /^HTTP\/1\.1 503 /, 'half of the body is enough for the answer');
    short.write('ten bytes.GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    t.match(await received(short, /\}$/), /^HTTP\/1\.1 200 /);
    short.destroy();
    const long = connect(port, '127.0.0.1', () => long.write(`${head('/sample', 2 ** 20)}a little of it`));
    t.match(await received(long, /\}$/), /^HTTP\/1\.1 503 .*connection: close/is);
    long.destroy();
  });
});

t.test('a client that does not take its refusals loses its connection', async (t) => {
  // With the limits of headers and requests out of the way, which would close it too, but later.
  const others = { HEADERS_TIMEOUT_MS: '60000', REQUEST_TIMEOUT_MS: '60000' };
  const { service, port, whileFull } = await listening(t, { REPLY_TIMEOUT_MS: '1000', ...others });
  const accepted = once(service.app.server, 'connection') as Promise<[Socket]>;
  const client = connect(port, '127.0.0.1').on('error', () => {});
  client.pause();
  const [connection] = await accepted;
  const closed = once(connection, 'close');
  // Their replies are some 6 MB, more than the system takes for a client that reads nothing.
  const flood = async () => {
    client.write(head('/sample', 0).repeat(9000));
    while (connection.writableLength === 0) await new Promise(setImmediate);
  };
  await whileFull(flood);
  await closed;
  t.ok(connection.bytesWritten < 6_000_000);
  client.destroy();
});

t.test('a drain says Connection: close here too', async (t) => {
  const { service, send, whileFull } = await listening(t);
  const reply = await whileFull(() => {
    service.lifecycle.draining = true;
    return send('/sample');
  });
  t.same([reply.status, reply.headers.get('connection')], [503, 'close']);
});

t.test('refusals are counted and logged like any other', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const { send, whileFull } = await listening(
    t,
    { LOG_LEVEL: 'debug' },
    { logTo: (line) => lines.push(JSON.parse(line)) },
  );
  const scrape = async () => readExposition((await send('/metrics', { method: 'GET', body: null })).text);
  const route = '/v2/models/:model/infer';
  await whileFull(async () => {
    await send('/v2/models/gumbel_softmax/infer', { headers: { 'x-request-id': 'counted' } });
    await send('/v2/models/gumbel_softmax/infer');
  });
  const counts = await scrape();
  const refused = { method: 'POST', route, status: '503' };
  t.equal(counts.value('gumbel_http_requests_total', refused), 2);
  t.equal(counts.value('gumbel_http_request_duration_seconds_count', { route }), 2);
  t.equal(counts.value('gumbel_requests_shed_total', { reason: 'overloaded' }), 2);
  t.equal(counts.value('gumbel_http_errors_total', { code: 'overloaded' }), 2);
  const answered = lines.find((line) => line.msg === 'request answered' && line.request_id === 'counted');
  t.match(answered, { method: 'POST', route, status: 503, durationMs: Number });
  t.match(
    lines.find(({ code }) => code === 'overloaded'),
    { level: 40, request_id: 'counted', route, status: 503, requests: 1 },
  );
});

t.test('where keys are needed, who has none hears of that, and a refusal names whose it was', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'full-queue-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'keys');
  writeFileSync(path, `alice:${createHash('sha256').update('k').digest('hex')}\n`);
  const lines: Record<string, unknown>[] = [];
  const { send, whileFull } = await listening(
    t,
    { API_KEYS_FILE: path },
    { logTo: (line) => lines.push(JSON.parse(line)) },
  );
  const alice = { authorization: 'Bearer k' };
  const statuses = await whileFull(async () => {
    const all = [
      {},
      { authorization: 'Bearer other' },
      { authorization: 'Basic k' },
      alice,
      { authorization: 'bearer  k' },
    ];
    return Promise.all(all.map(async (headers) => (await send('/sample', { headers })).status));
  }, alice);
  t.same(statuses, [401, 401, 401, 503, 503]);
  t.match(
    lines.find(({ code }) => code === 'overloaded'),
    { key: 'alice' },
  );
});

t.test(
  'large draws leave room for small ones of others, and who sends them is refused unread for a while',
  async (t) => {
    // However slow the machine, deadlines refuse nothing here.
    const service = await startService({ DEADLINE_MS: '600000' }, { unitsPerMs: 1e15 });
    t.teardown(service.close);
    await service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = service.app.server.address() as { port: number };
    const ask = async (socket: Socket, body: string) => {
      socket.write(`${head('/sample', body.length)}${body}`);
      return /^HTTP\/1\.1 (\d+) /.exec(await received(socket, /\}$/))?.[1];
    };
    const open = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      t.teardown(() => socket.destroy());
      return socket;
    };
    // Eight that count for an eighth each fill their part.
    const release = service.holdWorkers();
    const large = Array.from({ length: 8 }, open);
    for (const socket of await Promise.all(large)) socket.write(`${head('/sample', longDraw.length)}${longDraw}`);
    while (service.sampler.load().queuedRequests < 8) await new Promise(setImmediate);
    const greedy = await open();
    t.equal(await ask(greedy, longDraw), '503', 'there is no room for another');
    t.equal(await ask(greedy, 'no JSON'), '503', 'nor is the next of the same caller read');
    release();
    const other = await open();
    t.equal(await ask(other, '{"logits":[1,2]}'), '200', 'a small draw of another caller is drawn meanwhile');
    t.equal(await ask(other, 'no JSON'), '400', 'and that caller goes on being read');
    t.ok(service.sampler.load().queuedRequests > 0, 'all the while large draws waited');
  },
);
