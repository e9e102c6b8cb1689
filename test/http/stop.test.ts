/** A stop ends in its time with code 0, whatever clients do: the built service as its own process. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { get, post } from '../support/raw-client.js';
import { start } from '../support/server-process.js';

/** Some 20 MB of text, more than the sockets of a connection hold. */
const largeReply = post('/sample', '{"logits":[1,2,3,4,5,6,7,8,9,10],"num_samples":200000,"return":["samples"]}');
const half = 'POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';

/** Sends `text` and reads no further than the beginning of the first reply. */
async function stalled(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => {});
  await once(socket, 'data');
  socket.pause();
  return socket;
}

t.test('clients that do not read, or stop in the middle of a request, do not hold a stop up', async (t) => {
  // Node looks at the others' time once a second, and all of it is longer than that of the stop.
  const { child, url, exit, stderr } = await start({ SHUTDOWN_TIMEOUT_MS: '3000', DEADLINE_MS: '60000' });
  const port = Number(new URL(url).port);
  const clients = await Promise.all(
    [largeReply, get('/livez') + half, `${get('/livez')}GET /li`, get('/livez')].map((text) => stalled(port, text)),
  );
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
  for (const socket of clients) socket.destroy();
});
