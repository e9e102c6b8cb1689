/** Expect: 100-continue: a refusal comes at once, and 100 only when the body is wanted. Real sockets. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { queueFull } from '../../src/sampler/draw-error.js';
import { get, listening, RawClient } from '../support/raw-client.js';

const infer = '/v2/models/gumbel_softmax/infer';
const routes = ['/sample', '/sample/vjp', '/log-prob', infer] as const;

function head(path: string, length: number, headers = '', type = 'application/json'): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: ${type}\r\n${headers}Content-Length: ${length}\r\n\r\n`;
}

t.test(
  'whatever is wrong with the head is answered without 100, on every route, and the connection ends',
  async (t) => {
    const { port } = await listening(t, { JSON_BODY_BYTES_MAX: '1024', BINARY_BODY_BYTES_MAX: '2048' });
    for (const path of routes) {
      for (const [text, status] of [
        [head(path, 1025), 413],
        [head(path, 100, '', 'text/plain'), 415],
        [head(path, 100, 'Content-Encoding: gzip\r\n'), 415],
        [head(path, 100, 'Host: y\r\n'), 400],
      ] as const) {
        const client = new RawClient(port, text);
        await client.closed;
        t.same(client.statuses, [status], `${path} ${status}`);
        t.match(client.received, /connection: close/i);
      }
    }
    for (const [text, status] of [
      [head('/nowhere', 100), 404],
      [head('/livez', 100), 405],
      [head('/v2/models/nosuch/infer', 100), 404],
      [head(infer, 2049, 'Inference-Header-Content-Length: 10\r\n', 'application/octet-stream'), 413],
      [head(infer, 100, 'Inference-Header-Content-Length: x\r\n', 'application/octet-stream'), 400],
    ] as const) {
      const client = new RawClient(port, text);
      await client.closed;
      t.same(client.statuses, [status]);
    }
  },
);

t.test('so is a missing key', async (t) => {
  const file = join(t.testdir(), 'keys');
  writeFileSync(file, `someone:${createHash('sha256').update('secret').digest('hex')}\n`);
  const { port } = await listening(t, { API_KEYS_FILE: file });
  for (const path of routes) {
    const client = new RawClient(port, head(path, 100));
    await client.closed;
    t.same(client.statuses, [401], path);
  }
  const body = '{"logits":[1]}';
  const client = new RawClient(
    port,
    head('/sample', body.length, 'Authorization: Bearer secret\r\nConnection: close\r\n'),
  );
  await client.replies(1);
  t.same(client.statuses, [100]);
  client.socket.write(body);
  await client.closed;
  t.same(client.statuses, [100, 200]);
});

t.test('a full queue refuses without 100', async (t) => {
  const { service, port } = await listening(t);
  const full = service.sampler as { -readonly [Key in keyof typeof service.sampler]: (typeof service.sampler)[Key] };
  full.mayRefuse = () => true;
  full.refusal = () => queueFull;
  const client = new RawClient(port, head('/sample', 100));
  await client.closed;
  t.same(client.statuses, [503]);
});

t.test('a body that is wanted is asked for, small, large or chunked, and the connection goes on', async (t) => {
  const { port } = await listening(t);
  const small = '{"logits":[1,2],"seed":1}';
  const large = `{"logits":[${'0,'.repeat(200_000)}0],"seed":1,"return":["indices"]}`;
  const client = new RawClient(port);
  let replies = 0;
  for (const body of [small, large, small]) {
    client.socket.write(head('/sample', body.length));
    await client.replies(replies + 1);
    t.equal(client.statuses.at(-1), 100);
    client.socket.write(body);
    await client.replies(replies + 2);
    t.equal(client.statuses.at(-1), 200);
    replies += 2;
  }
  client.socket.write(head('/sample', 0).replace('Content-Length: 0', 'Transfer-Encoding: chunked'));
  await client.replies(replies + 1);
  client.socket.write(`${small.length.toString(16)}\r\n${small}\r\n0\r\n\r\n`);
  await client.replies(replies + 2);
  t.same(client.statuses.slice(replies), [100, 200]);
  client.socket.destroy();
});

t.test('a request of HTTP/1.0 gets no 100, and is read all the same', async (t) => {
  const { port } = await listening(t);
  const body = '{"logits":[1]}';
  const client = new RawClient(port, head('/sample', body.length).replace('HTTP/1.1', 'HTTP/1.0') + body);
  await client.closed;
  t.same(client.statuses, [200]);
});

t.test('any other expectation gets 417 with a problem', async (t) => {
  const { port } = await listening(t);
  for (const value of ['wonders', '200-ok', '100-continue, wonders']) {
    const client = new RawClient(port, get('/livez', `Expect: ${value}\r\nConnection: close\r\n`));
    await client.closed;
    t.same(client.statuses, [417], value);
    t.match(client.received, /"code":"expectation-failed"/);
    t.match(client.received, /x-content-type-options: nosniff/i);
  }
  const upper = new RawClient(port, get('/livez', 'Expect: 100-Continue\r\n'));
  await upper.closed;
  t.same(upper.statuses, [200]);
});
