/** Bodies that Node's parser counts without a copy: on this version of Node, and where its parser is another. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { parsedUnseen } from '../../src/http/parser-body.js';

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

const head = (path: string, length: number) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

async function reply(client: Socket): Promise<string> {
  const [bytes] = (await once(client, 'data')) as [Buffer];
  return String(bytes).split('\r\n\r\n')[1];
}

t.test('a body parsed unseen ends, and the next one on the connection is seen', async (t) => {
  const { port, sockets } = await startServer(t);
  const client = connect(port, '127.0.0.1');
  t.teardown(() => client.destroy());
  for (const path of ['/', '/seen', '/', '/seen']) {
    client.write(head(path, 10));
    // The body must not come with its head, which this server has not looked at before.
    while ((sockets[0]?.bytesRead ?? 0) < client.bytesWritten) await new Promise(setImmediate);
    client.write('0123456789');
    t.equal(await reply(client), path === '/seen' ? '0123456789' : '', path);
  }
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
