/**
 * The limits that keep a service standing: deadlines, bodies in flight, connections, slow clients. Real sockets, small
 * values.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { jobUnits } from '../../src/sampler/cost.js';
import { makeJob } from '../support/jobs.js';
import { type Service, type ServiceParts, startService } from '../support/service.js';

async function listening(
  environment: Record<string, string>,
  parts: ServiceParts = {},
): Promise<{ service: Service; port: number }> {
  const service = await startService(environment, parts);
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  return { service, port: (service.app.server.address() as { port: number }).port };
}

function open(port: number, text = ''): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => {});
  return socket;
}

/** All that comes until the server closes. */
async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => socket.on('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

/** A draw of a few hundred milliseconds, whose reply is short. */
const long = { logits: Array(1024).fill(0), num_samples: 100_000, return: ['indices'] };

const post = (url: string) => ({ method: 'POST', url, headers: { 'content-type': 'application/json' } }) as const;

function postText(body: string, headers = ''): string {
  return `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

t.test('a draw that is not done by its deadline gets 504, and the service goes on', async (t) => {
  // Of workers that are thought to be fast enough for anything, anything is let in.
  const { service } = await listening({ DEADLINE_MS: '1' }, { unitsPerMs: 1e15 });
  const { status, reply } = await service.sample(long);
  t.equal(status, 504);
  t.equal(reply.type, '/problems/deadline-exceeded');
  const payload = { logits: [1, 2] };
  const response = await service.app.inject({ method: 'GET', url: '/readyz' });
  t.equal(response.statusCode, 200);
  // A small draw can take longer than a millisecond too, so this one asks until it does not.
  let answered = 0;
  while (answered !== 200) answered = (await service.sample(payload)).status;
});

t.test(
  'a client shortens its deadline by header or, under /v2, by timeout; a longer one changes nothing',
  async (t) => {
    const { service } = await listening({ DEADLINE_MS: '20000' }, { unitsPerMs: 1e15 });
    const sample = (headers: Record<string, string>) =>
      service.app.inject({ method: 'POST', url: '/sample', payload: long, headers });
    t.equal((await sample({ 'x-deadline-ms': '1' })).statusCode, 504);
    t.equal((await sample({ 'x-deadline-ms': '999999999' })).statusCode, 200);
    for (const wrong of ['0', '-1', '1.5', 'soon', '1e3', '']) {
      const response = await sample({ 'x-deadline-ms': wrong });
      t.equal(response.statusCode, 400, JSON.stringify(wrong));
      t.match(response.json(), { type: '/problems/bad-request', detail: /x-deadline-ms/ });
    }
    const infer = (timeout: number) =>
      service.app.inject({
        method: 'POST',
        url: '/v2/models/gumbel_softmax/infer',
        payload: {
          parameters: { num_samples: long.num_samples, timeout },
          inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 1024], data: long.logits }],
          outputs: [{ name: 'indices' }],
        },
      });
    t.match((await infer(1000)).json(), { code: 'deadline-exceeded' });
    t.equal((await infer(20_000_000)).statusCode, 200);
    t.equal((await infer(0)).statusCode, 422);
  },
);

t.test('a draw that an idle replica would not finish in time is refused at once, with what would fit', async (t) => {
  const units = jobUnits(makeJob({ categories: 1024, samples: 100_000, outputs: new Set(['indices'] as const) }));
  const { service } = await listening({ DEADLINE_MS: '20000' }, { unitsPerMs: units / 1000 });
  const sample = (samples: number, headers: Record<string, string>) =>
    service.app.inject({ method: 'POST', url: '/sample', payload: { ...long, num_samples: samples }, headers });
  const refused = await sample(100_000, { 'x-deadline-ms': '1000' });
  t.equal(refused.statusCode, 413);
  t.match(refused.json(), { type: '/problems/too-much-work', detail: /at most \d+ rows x samples/ });
  const fits = Number(/at most (\d+)/.exec(refused.json().detail)?.[1]);
  t.ok(fits > 50_000 && fits < 100_000, 'a safe share of what a second allows');
  // The clock goes on between the two, so a little less than what fitted then.
  const fitting = await sample(Math.floor(0.9 * fits), { 'x-deadline-ms': '1000' });
  t.ok([200, 504].includes(fitting.statusCode), 'it is let in; a slow machine may not keep what it was said to do');
  t.equal((await sample(100_000, {})).statusCode, 200, 'and all of it where there is time');
  const infer = await service.app.inject({
    method: 'POST',
    url: '/v2/models/gumbel_softmax/infer',
    payload: {
      parameters: { num_samples: long.num_samples, timeout: 500_000 },
      inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 1024], data: long.logits }],
      outputs: [{ name: 'indices' }],
    },
  });
  t.match([infer.statusCode, infer.json()], [413, { code: 'too-much-work' }]);
});

t.test('ELEMENTS_DRAWN_MAX counts what the outputs cost', async (t) => {
  const cost = (outputs: ('indices' | 'logProb')[]) =>
    jobUnits(makeJob({ categories: 100, samples: 100, outputs: new Set(outputs) }));
  const { service } = await listening({ ELEMENTS_DRAWN_MAX: String(cost(['indices'])) });
  const sample = (fields: object) => service.sample({ logits: Array(100).fill(0), num_samples: 100, ...fields });
  t.equal((await sample({ return: ['indices'] })).status, 200);
  for (const fields of [{ return: ['log_prob'] }, { return: ['indices'], num_samples: 101 }]) {
    const { status, reply } = await sample(fields);
    t.match([status, reply.type, reply.errors], [413, '/problems/too-many-elements', [{ pointer: '' }]]);
  }
});

t.test('a draw whose client has gone is given up', async (t) => {
  const { service, port } = await listening({});
  const body = JSON.stringify({ ...long, num_samples: 131_072 });
  const release = service.holdWorkers();
  const gone = open(port, postText(body));
  await once(gone, 'connect');
  while (service.sampler.load().queuedRequests === 0) await new Promise(setImmediate);
  const before = service.sampler.load().queuedUnits;
  t.ok(before > 0, 'it is in the queue, in parts');
  gone.destroy();
  while (service.sampler.load().queuedRequests > 0) await new Promise(setImmediate);
  release();
  const { status } = await service.sample({ logits: [1, 2] });
  t.equal(status, 200, 'and the others are drawn');
});

t.test(
  'bodies above the budget of all are refused unread, and room is made again by those that end or leave',
  async (t) => {
    const { service, port } = await listening({
      BODY_BYTES_IN_FLIGHT_MAX: String(2 ** 20),
      JSON_BODY_BYTES_MAX: '900000',
    });
    const head = 'POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 800000\r\n\r\n';
    const accepted: Socket[] = [];
    service.app.server.on('connection', (socket) => accepted.push(socket));
    const announced = Array.from({ length: 5 }, () => open(port, head));
    await Promise.all(announced.map((socket) => once(socket, 'connect')));
    const half = open(port, `${head}${' '.repeat(790_000)}`);
    // What was only announced takes no room.
    while (!accepted.some(({ bytesRead }) => bytesRead > 790_000)) await new Promise(setImmediate);
    const refused = await untilClosed(open(port, `${head}[`));
    t.match(
      refused,
      /^HTTP\/1\.1 503 .*retry-after: 1.*connection: close.*\/problems\/overloaded/is,
      'no byte more is waited for',
    );
    const chunked = `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `${(200_000).toString(16)}\r\n${' '.repeat(200_000)}\r\n`;
    t.match(await untilClosed(open(port, chunked + chunk.repeat(2))), /^HTTP\/1\.1 503 .*\/problems\/overloaded/s);
    t.equal((await service.sample({ logits: [1] })).status, 200, 'small bodies are not counted');
    for (const socket of announced) socket.destroy();
    half.destroy();
    await once(half, 'close');
    const body = JSON.stringify({ logits: [1, 2] }).padEnd(800_000);
    let status = 503;
    while (status === 503)
      status = (
        await fetch(`http://127.0.0.1:${port}/sample`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
      ).status;
    t.equal(status, 200, 'the room of the client that left is free again');
    const large = { logits: Array(1000).fill(0), num_samples: 200, return: ['samples'] };
    const replies = await Promise.all([service.sample(large), service.sample(large)]);
    t.same(
      replies.map((reply) => reply.status).sort(),
      [200, 503],
      'a result of 800,000 bytes leaves no room for another',
    );
    t.equal((await service.sample(large)).status, 200);
  },
);

t.test('a client that leaves gives back the room of its result', async (t) => {
  // Seven eighths of it, 1,225,000, are for large requests. The result and a slice of its reply are 655,360 bytes.
  const { service, port } = await listening({ BODY_BYTES_IN_FLIGHT_MAX: '1400000', JSON_BODY_BYTES_MAX: '900000' });
  const release = service.holdWorkers();
  const gone = open(port, postText(JSON.stringify({ ...long, num_samples: 131_072 })));
  while (service.sampler.load().queuedRequests < 1) await new Promise(setImmediate);
  const after = JSON.stringify({ logits: [1, 2] }).padEnd(600_000);
  const response = () => service.app.inject({ ...post('/sample'), payload: after });
  t.equal((await response()).statusCode, 503, 'another is too much');
  gone.destroy();
  release();
  while (service.sampler.load().queuedRequests > 0) await new Promise(setImmediate);
  t.equal((await response()).statusCode, 200, 'until it is gone');
});

t.test('headers and bodies that do not arrive in time get 408', async (t) => {
  const { port } = await listening({ HEADERS_TIMEOUT_MS: '300', REQUEST_TIMEOUT_MS: '1000' });
  const [headers, body] = await Promise.all([
    untilClosed(open(port, 'POST /sample HTTP/1.1\r\nHost: x\r\nX-Slow: ')),
    untilClosed(
      open(port, `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`),
    ),
  ]);
  for (const reply of [headers, body]) t.match(reply, /^HTTP\/1\.1 408 .*\/problems\/request-timeout/s);
});

t.test('a client that does not take its reply loses its connection, and the others do not notice', async (t) => {
  const { service, port } = await listening({ REPLY_TIMEOUT_MS: '1000' });
  const accepted = once(service.app.server, 'connection') as Promise<[Socket]>;
  const slow = open(port, postText('{"logits":[1,2,3,4,5,6,7,8,9,10],"num_samples":200000,"return":["samples"]}'));
  slow.pause();
  const [serverSide] = await accepted;
  const closed = once(serverSide, 'close');
  t.equal((await service.sample({ logits: [1, 2] })).status, 200);
  await closed;
  // Two million numbers are some 20 MB of text, more than the buffers of both sockets hold.
  t.ok(serverSide.bytesWritten < 15_000_000, `${serverSide.bytesWritten} bytes were taken`);
  slow.destroy();
});

t.test('a connection is told to close after its last request, and headers have a limit of their own', async (t) => {
  const { port } = await listening({ REQUESTS_PER_SOCKET_MAX: '2', HEADER_BYTES_MAX: '2000' });
  const get = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
  const replies = await untilClosed(open(port, get + get + get));
  t.match(replies, /^HTTP\/1\.1 200 .*keep-alive.*HTTP\/1\.1 200 .*connection: close/is);
  t.equal(replies.split('HTTP/1.1 ').length - 1, 2, 'what was sent ahead of that is not answered');
  const long = await untilClosed(open(port, `GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(3000)}\r\n\r\n`));
  t.match(long, /^HTTP\/1\.1 431 .*\/problems\/headers-too-large/s);
});
