/**
 * The proxy that writes down what clients send: all of it, connection by connection, and the replies come back
 * unchanged.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import t from 'tap';
import { openProxy } from './recording-proxy.js';

t.test('what each connection sends is kept apart, and the server hears and answers it', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const proxy = await openProxy(0, `http://127.0.0.1:${(server.address() as { port: number }).port}`);
  const port = Number(new URL(proxy.url).port);
  const sent = [Buffer.from([0, 255, 13, 10]), Buffer.alloc(200_000, 'x')];
  for (const bytes of sent) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    t.ok(Buffer.concat(chunks).equals(bytes));
  }
  t.same(
    proxy.sent().map((bytes, at) => bytes.equals(sent[at])),
    [true, true],
  );
  const open = connect(port, '127.0.0.1');
  await once(open, 'connect');
  open.on('error', () => {});
  await proxy.close();
  t.equal(proxy.sent().length, 3, 'closing does not wait for clients');
});
