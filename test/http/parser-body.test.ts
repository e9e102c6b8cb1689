/** Bodies that Node's parser counts without a copy: on this version of Node, and where its parser is another. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { parsedUnseen } from '../../src/http/parser-body.js';
import { chunked, listening, post, RawClient } from '../support/raw-client.js';

/** Every body of this server but those of /seen is parsed unseen. */
async function startServer(t: Test) {
  const sockets: Socket[] = [];
  const unseen = new Set<IncomingMessage>();
  const server = createServer((request, reply) => {
    const pieces: Buffer[] = [];
    if (request.url !== '/seen') unseen.add(request);
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      unseen.delete(request);
      reply.end(String(Buffer.concat(pieces)));
    });
  });
  server.on('connection', (socket) => {
    sockets.push(socket);
    const parse = socket.listeners('data').at(-1) as (bytes: Buffer) => void;
    socket.removeListener('data', parse);
    socket.on('data', (bytes: Buffer) => {
      if (unseen.size > 0) parsedUnseen(socket, () => parse.call(socket, bytes));
      else parse.call(socket, bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

const body = '0123456789';
const head = (path: string, length: number) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

async function reply(client: Socket): Promise<string> {
  const [bytes] = (await once(client, 'data')) as [Buffer];
  return String(bytes).split('\r\n\r\n')[1];
}

/** Sends a body to each path over one connection, and returns what the server saw of it. */
async function seenOf(t: Test, paths: readonly string[]): Promise<string[]> {
  const { port, sockets } = await startServer(t);
  const client = connect(port, '127.0.0.1');
  t.teardown(() => client.destroy());
  const seen: string[] = [];
  for (const path of paths) {
    client.write(head(path, body.length));
    // The body must not come with its head, which this server has not looked at before.
    while ((sockets[0]?.bytesRead ?? 0) < client.bytesWritten) await new Promise(setImmediate);
    client.write(body);
    seen.push(await reply(client));
  }
  return seen;
}

t.test('a body parsed unseen ends, and the next one on the connection is seen', async (t) => {
  t.same(await seenOf(t, ['/', '/', '/seen', '/seen']), ['', '', body, body]);
});

t.test(
  'after a body that was seen, the next one is unseen, or copied where Node.js looks at the slot once',
  async (t) => {
    const looksOnce = Number(process.versions.node.split('.')[0]) > 24;
    t.same(await seenOf(t, ['/', '/seen', '/', '/seen']), ['', body, looksOnce ? body : '', body]);
  },
);

t.test('the service draws from a body of known length after a chunked one, whatever Node.js copies', async (t) => {
  const { port } = await listening(t);
  const logits = Array.from({ length: 20_000 }, (_, category) => category / 7);
  const body = JSON.stringify({ logits, seed: 1, return: ['indices'] });
  const client = new RawClient(port);
  const requests = [chunked('POST', '/sample', body, 10_000), post('/sample', body), post('/sample', body)];
  for (const [index, request] of requests.entries()) {
    client.socket.write(request);
    await client.replies(index + 1);
  }
  client.socket.end();
  await client.closed;
  t.same(client.statuses, [200, 200, 200]);
  const drawn = [...client.received.matchAll(/"indices":\d+/g)].map(([text]) => text);
  t.equal(drawn.length, 3);
  t.same(new Set(drawn).size, 1);
});

t.test('a parser that is not as expected parses as ever', async (t) => {
  const listener = () => {};
  const parsers = [undefined, null, {}, { 3: listener }, { 3: null }];
  for (const parser of parsers) {
    let parsed = 0;
    const before = parser && { ...parser };
    parsedUnseen({ parser } as unknown as Socket, () => {
      parsed += 1;
      t.same(parser, before);
    });
    t.equal(parsed, 1);
    t.same(parser, before);
  }
});

t.test('the listener is back after an error', async (t) => {
  const parser = { 3: function parserOnBody() {} };
  const { 3: listener } = parser;
  const broken = new Error('broken');
  t.throws(
    () =>
      parsedUnseen({ parser } as unknown as Socket, () => {
        t.equal(parser[3], null);
        throw broken;
      }),
    broken,
  );
  t.equal(parser[3], listener);
});
