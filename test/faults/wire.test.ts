/**
 * The client of the fault tests: it must not be mistaken about replies, or it would find faults where there are none.
 */
import { createServer, type Socket } from 'node:net';
import t from 'tap';
import { judge } from '../../faults/contract.js';
import { headerOf, isReply, ReplyReader, WireConnection, type WireReply } from '../../faults/wire.js';

const withLength = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const inChunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n';
const untilEnd = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello';

function readInPieces(text: string, size: number): WireReply[] {
  const reader = new ReplyReader();
  const replies: WireReply[] = [];
  for (let at = 0; at < text.length; at += size) {
    reader.push(Buffer.from(text.slice(at, at + size)));
    for (let reply = reader.next(); reply; reply = reader.next()) replies.push(reply);
  }
  reader.ended = true;
  const last = reader.empty ? undefined : reader.next();
  return last ? [...replies, last] : replies;
}

t.test('replies are read in whatever pieces they come', async (t) => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const replies = readInPieces(`HTTP/1.1 100 Continue\r\n\r\n${withLength}${inChunks}${untilEnd}`, size);
    t.same(
      replies.map(({ status, body }) => [status, body.toString()]),
      [
        [200, 'hello'],
        [200, 'hello'],
        [200, 'hello'],
      ],
    );
  }
});

t.test('a reply to HEAD has no body, whatever its Content-Length', async (t) => {
  const reader = new ReplyReader();
  reader.headOnly = true;
  reader.push(Buffer.from('HTTP/1.1 405 No\r\nContent-Length: 5\r\nX-A: b\r\n\r\n'));
  const reply = reader.next() as WireReply;
  t.equal(reply.body.length, 0);
  t.equal(headerOf(reply, 'x-a'), 'b');
  t.ok(reader.empty);
});

t.test('what is no HTTP is not taken for a reply', async (t) => {
  for (const text of ['nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\nbody', 'HTTP/1.1 9 OK\r\n\r\n']) {
    t.throws(() => readInPieces(text, 1000), text);
  }
});

t.test('a connection that closes is an answer, and half a reply is none', async (t) => {
  const server = createServer((socket: Socket) => socket.once('data', () => socket.end(withLength.slice(0, -1))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const connection = await WireConnection.open((server.address() as { port: number }).port);
  const answer = await connection.request('GET / HTTP/1.1\r\n\r\n');
  t.notOk(isReply(answer));
  t.notOk(connection.reusable);
  t.same(await connection.request('again'), { closed: 'the service closed the connection' });
});

function errorReply(status: number, body: object, more = ''): WireReply {
  const head = `HTTP/1.1 ${status} X\r\ncontent-type: application/problem+json\r\n${more}`;
  return { status, head, body: Buffer.from(JSON.stringify(body)) };
}

const problem = {
  type: '/problems/overloaded',
  code: 'overloaded',
  title: 'x',
  status: 503,
  detail: 'x',
  instance: 'x',
  request_id: 'x',
  errors: [],
};

t.test('a reply outside the contract is noticed', async (t) => {
  const retry = 'retry-after: 1';
  t.equal(judge(errorReply(503, problem, retry), 'POST').wrong, undefined);
  t.match(judge(errorReply(503, problem), 'POST').wrong, 'no Retry-After');
  t.match(judge(errorReply(429, problem, retry), 'POST').wrong, 'status 429');
  t.match(judge(errorReply(503, { ...problem, detail: 'zq7canary' }, retry), 'POST').wrong, 'words of the request');
  const named = { pointer: '/zq7canary', message: '"zq7canary" is not a field here; the fields are x' };
  t.equal(judge(errorReply(503, { ...problem, errors: [named] }, retry), 'POST').wrong, undefined);
  const repeated = { pointer: '/x', message: 'must not be zq7canary' };
  t.match(judge(errorReply(503, { ...problem, errors: [repeated] }, retry), 'POST').wrong, 'words of the request');
  t.match(judge(errorReply(503, { ...problem, stack: 'x' }, retry), 'POST').wrong, 'another form');
  t.match(judge(errorReply(503, { ...problem, detail: 'x'.repeat(5000) }, retry), 'POST').wrong, 'bytes');
  t.match(judge(errorReply(500, { ...problem, type: '/problems/internal' }), 'POST').wrong, 'a 500');
  t.match(judge(errorReply(400, { ...problem, type: '/problems/made-up' }), 'POST').wrong, 'made-up');
  t.match(judge({ ...errorReply(400, problem), body: Buffer.alloc(0) }, 'POST').wrong, 'without a body');
  const answer = { status: 200, head: 'HTTP/1.1 200 OK\r\ncontent-type: application/json', body: Buffer.from('{') };
  t.match(judge(answer, 'POST').wrong, 'no JSON');
});
