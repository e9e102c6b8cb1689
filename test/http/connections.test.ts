/** Too many connections: who asks for nothing makes way for who does. Real sockets, a small table. */
import { once } from 'node:events';
import t from 'tap';
import { get, listening, post, RawClient } from '../support/raw-client.js';

const long = JSON.stringify({ logits: Array(1024).fill(0), num_samples: 60_000, return: ['indices'] });
const connectionsMax = 8;
const few = { CONNECTIONS_MAX: String(connectionsMax) };

/** What fills the table, one after another, so that they are in it in that order. */
async function fill(port: number, count: number, text: string): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let client = 0; client < count; client++) {
    const next = new RawClient(port, text);
    await once(next.socket, 'connect');
    if (text.endsWith('\r\n\r\n')) await next.replies(1);
    clients.push(next);
  }
  return clients;
}

for (const [name, text] of [
  ['silent', ''],
  ['stopped in the middle of a head', 'GET /livez HTTP/1.1\r\nHost: x\r\nX-'],
  ['idle after a reply', get('/livez')],
] as const) {
  t.test(`a table full of connections that are ${name}: a new one takes the place of the oldest`, async (t) => {
    const { service, port } = await listening(t, few);
    const clients = await fill(port, connectionsMax, text);
    const probe = new RawClient(port, get('/livez'));
    await probe.replies(1);
    t.same(probe.statuses, [200]);
    await clients[0]?.closed;
    t.equal(service.app.connections.count, connectionsMax);
    t.ok(clients.slice(1).every(({ socket }) => !socket.destroyed));
    for (const { socket } of [probe, ...clients]) socket.destroy();
  });
}

t.test('the one that has asked for nothing for the longest time goes, and none with a request in flight', async (t) => {
  const { service, port } = await listening(t, { CONNECTIONS_MAX: '3', DEADLINE_MS: '60000' });
  const release = service.holdWorkers();
  const [busy] = await fill(port, 1, post('/sample', long));
  while (service.sampler.load().queuedRequests === 0) await new Promise(setImmediate);
  const [silent] = await fill(port, 1, '');
  const [idle] = await fill(port, 1, get('/livez'));
  const [first] = await fill(port, 1, post('/sample', long));
  await silent?.closed;
  t.notOk(idle?.socket.destroyed, 'the one that has just been answered stays longer');
  const [second] = await fill(port, 1, post('/sample', long));
  await idle?.closed;
  const turnedAway = new RawClient(port, get('/livez'));
  await turnedAway.closed;
  t.same(turnedAway.statuses, [], 'where all are busy, the new one is closed');
  release();
  await Promise.all([busy, first, second].map((client) => client?.replies(1)));
  t.same(
    [busy, first, second].map((client) => client?.statuses),
    [[200], [200], [200]],
  );
  for (const client of [busy, first, second]) client?.socket.destroy();
});

t.test(
  'where every request waits for its body, the one whose body has stopped for the longest makes way',
  async (t) => {
    const { service, port } = await listening(t, few);
    let begun = 0;
    service.app.server.on('request', () => {
      begun += 1;
    });
    const clients = await fill(port, connectionsMax, post('/sample', long).slice(0, -10));
    while (begun < connectionsMax) await new Promise(setImmediate);
    const refused = new RawClient(port, get('/livez'));
    await refused.closed;
    t.same(refused.statuses, [], 'a body may pause for a moment');
    // How long a connection has waited is the only thing here that takes time: a second.
    let statuses: number[] = [];
    while (statuses.length === 0) {
      const probe = new RawClient(port, get('/livez'));
      await Promise.race([probe.replies(1), probe.closed]);
      statuses = [...probe.statuses];
      probe.socket.destroy();
    }
    t.same(statuses, [200]);
    await Promise.race(clients.map(({ closed }) => closed));
    t.equal(clients.filter(({ socket }) => socket.destroyed).length, 1);
    for (const { socket } of clients) socket.destroy();
  },
);

t.test('idle connections are told their whole time until the table is three quarters full', async (t) => {
  const { port } = await listening(t, { ...few, KEEP_ALIVE_TIMEOUT_MS: '72000' });
  const told: (string | undefined)[] = [];
  const clients: RawClient[] = [];
  for (let client = 0; client < connectionsMax; client++) {
    const [next] = await fill(port, 1, get('/livez'));
    clients.push(next);
    told.push(/keep-alive: timeout=(\d+)/i.exec(next.received)?.[1]);
  }
  // The limit of Node in seconds: a half and none of the last quarter of 8 places are left for the last two.
  t.same(told, ['72', '72', '72', '72', '72', '72', '36', '1']);
  for (const { socket } of clients) socket.destroy();
});
