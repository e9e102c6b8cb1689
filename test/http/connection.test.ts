/**
 * The gate between sockets and Node's parser: requests sent ahead are answered in their order, one at a time. Real
 * sockets.
 */
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { chunked, get, listening, post, RawClient } from '../support/raw-client.js';

/** A draw of a hundred milliseconds or more, whose reply is short; and one of a few hundred. */
const long = JSON.stringify({ logits: Array(1024).fill(0), num_samples: 30_000, return: ['indices'] });
const longer = JSON.stringify({ logits: Array(1024).fill(0), num_samples: 131_072, return: ['indices'] });
const small = '{"logits":[1,2,3],"seed":4}';

/** Counts the requests of the service that are unanswered at the same time, at most. */
function watchInFlight(app: { readonly server: import('node:http').Server }) {
  const seen = { most: 0, now: 0 };
  app.server.prependListener('request', (_request: IncomingMessage, reply) => {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    reply.once('close', () => {
      seen.now -= 1;
    });
  });
  return seen;
}

t.test('of requests sent ahead one is in flight at a time, and all are answered in their order', async (t) => {
  const { service, port } = await listening(t);
  const seen = watchInFlight(service.app);
  const paths = Array.from({ length: 2000 }, (_, index) => `/problems/n${index}`);
  const client = new RawClient(port, paths.map((path) => get(path)).join('') + get('/livez', 'Connection: close\r\n'));
  await client.closed;
  t.equal(client.statuses.length, 2001);
  t.equal(client.statuses.at(-1), 200);
  t.equal(seen.most, 1);
});

t.test('draws sent ahead get what they get one by one, whatever pieces they come in', async (t) => {
  const { port } = await listening(t);
  const requests = [
    post('/sample', small),
    // The end of a head within bodies.
    post('/sample', small.replace(',', ',\r\n\r\n\r\n\r\n')),
    chunked('POST', '/sample', small.replace(',', ',\r\n\r\n'), 5),
    get('/livez', 'Upgrade: h2c\r\nConnection: Upgrade\r\n'),
    '\r\n\r\n',
    post('/sample', small, 'Expect: 100-continue\r\n'),
    get('/livez', 'Connection: close\r\n'),
  ].join('');
  const whole = new RawClient(port, requests);
  await whole.closed;
  t.same(whole.statuses, [200, 200, 200, 200, 100, 200, 200]);
  for (const bytes of [1, 2, 3, 4, 5, 7, 50]) {
    const client = new RawClient(port);
    for (let at = 0; at < requests.length; at += bytes) {
      client.socket.write(requests.slice(at, at + bytes));
      await new Promise(setImmediate);
    }
    await client.closed;
    t.same(client.statuses, whole.statuses, `in pieces of ${bytes}`);
  }
});

t.test('garbage after a slow draw is refused after its reply', async (t) => {
  const { port } = await listening(t);
  const client = new RawClient(port, `${post('/sample', long)}GARBAGE\r\n\r\n`);
  await client.closed;
  t.same(client.statuses, [200, 400]);
});

t.test('a client that ends its side after requests sent ahead gets all replies', async (t) => {
  const { port } = await listening(t);
  const client = new RawClient(port);
  client.socket.end(post('/sample', small).repeat(30));
  await client.closed;
  t.same(client.statuses, Array(30).fill(200));
  const cut = new RawClient(port);
  cut.socket.end(`${get('/livez')}${get('/livez')}GET /livez HTT`);
  await cut.closed;
  t.same(cut.statuses, [200, 200, 400], 'and hears of one that is cut off');
});

t.test('requests sent ahead of a reply that closes the connection are not answered', async (t) => {
  const { port } = await listening(t);
  const client = new RawClient(port, get('/livez', 'Connection: close\r\n') + get('/livez').repeat(100));
  await client.closed;
  t.same(client.statuses, [200]);
});

t.test('of a client that leaves, what it has sent ahead is not begun', async (t) => {
  const { service, port } = await listening(t);
  const seen = watchInFlight(service.app);
  const client = new RawClient(port, post('/sample', long).repeat(10));
  while (service.sampler.load().queuedRequests < 1) await new Promise(setImmediate);
  client.socket.resetAndDestroy();
  while (service.sampler.load().queuedRequests > 0) await new Promise(setImmediate);
  t.equal((await service.sample({ logits: [1, 2] })).status, 200);
  t.equal(seen.now, 0);
  t.equal(service.sampler.load().queuedRequests, 0);
});

t.test(
  'requests that wait behind a slow one are not held to the time that heads and idle connections have',
  async (t) => {
    const { port } = await listening(t, {
      HEADERS_TIMEOUT_MS: '100',
      REQUEST_TIMEOUT_MS: '200',
      KEEP_ALIVE_TIMEOUT_MS: '1000',
      DEADLINE_MS: '600000',
    });

    const draws = post('/sample', longer).repeat(5);
    const last = get('/livez', 'Connection: close\r\n');
    const client = new RawClient(port, draws + last.slice(0, 20));
    await client.replies(4);
    client.socket.write(last.slice(20));
    await client.closed;
    t.same(client.statuses, Array(6).fill(200));
  },
);

t.test('much sent ahead is not read, and many connections take turns', async (t) => {
  const { service, port } = await listening(t);
  const sockets: import('node:net').Socket[] = [];
  service.app.server.on('connection', (socket) => sockets.push(socket));
  // The draws of one are more than what may wait in the service: 64 KiB, a read more, and what the stream buffers.
  const greedy = new RawClient(port, post('/sample', long).repeat(400));
  const other = new RawClient(port, get('/livez').repeat(50));
  await other.replies(50);
  t.same(other.statuses, Array(50).fill(200));
  await greedy.replies(1);
  t.ok(sockets[0]?.bytesRead <= 4 * 2 ** 16, `${sockets[0]?.bytesRead} bytes were read`);
  greedy.socket.destroy();
  other.socket.destroy();
});
