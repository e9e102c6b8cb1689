/** Bodies in absurdly small pieces, and bodies that nobody reads. Real sockets. */
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { chunked, get, listening, RawClient } from '../support/raw-client.js';

const megabyte = ' '.repeat(2 ** 20);
const draw = '{"logits":[1,2,3],"seed":4}';

for (const path of ['/sample', '/sample/vjp', '/v2/models/gumbel_softmax/infer']) {
  t.test(`POST ${path}: a body of one-byte chunks is refused, and so are other absurdly small ones`, async (t) => {
    const { port } = await listening(t);
    for (const bytes of [1, 31]) {
      const client = new RawClient(port, chunked('POST', path, draw + megabyte, bytes));
      await client.closed;
      t.same(client.statuses, [400], `${bytes} bytes a chunk`);
      t.match(client.received, /connection: close/i);
      t.match(client.received, /pieces of less than 32 bytes on average/);
    }
  });
}

t.test('ordinary chunked bodies are read: up to 1,024 of any size, and any number of 64 bytes', async (t) => {
  const { port } = await listening(t);
  for (const [body, bytes] of [
    [draw.padEnd(1000), 1],
    [draw + megabyte, 64],
    [draw + megabyte, 16_384],
  ] as const) {
    const client = new RawClient(
      port,
      chunked('POST', '/sample', body, bytes) + get('/livez', 'Connection: close\r\n'),
    );
    await client.closed;
    t.same(client.statuses, [200, 200], `${bytes} bytes a chunk`);
  }
});

t.test('a body that nobody reads is not parsed: the reply comes at once, and the connection ends', async (t) => {
  const folder = mkdtempSync(join(t.testdir({}), 'keys-'));
  const keys = join(folder, 'keys');
  writeFileSync(keys, `alice:${'0'.repeat(64)}\n`);
  const { service, port } = await listening(t, { API_KEYS_FILE: keys });
  for (const [method, path, status] of [
    ['GET', '/livez', 200],
    ['HEAD', '/livez', 200],
    ['GET', '/metrics', 200],
    ['POST', '/sample', 401],
    ['POST', '/nowhere', 404],
    ['PUT', '/sample', 405],
    ['GET', '/%zz', 400],
  ] as const) {
    const asked = once(service.app.server, 'request');
    const client = new RawClient(port, chunked(method, path, megabyte, 1));
    const [message] = await asked;
    await client.closed;
    t.same(client.statuses, [status], `${method} ${path}`);
    t.match(client.received, /connection: close/i);
    // However much of it has come until the connection was closed, the parser has not seen its end.
    t.equal(message.complete, false);
  }
});

t.test('a short body that nobody reads costs no connection', async (t) => {
  const { port } = await listening(t);
  const withBody = get('/livez', 'Content-Length: 5\r\n');
  const client = new RawClient(port, `${withBody}12345${get('/livez', 'Connection: close\r\n')}`);
  await client.closed;
  t.same(client.statuses, [200, 200]);
});
