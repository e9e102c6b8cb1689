/** Requests that Node's parser takes and HTTP/1.1 does not allow, and those that it does allow. Real sockets. */
import t from 'tap';
import { get, listening, RawClient } from '../support/raw-client.js';

const refused = [
  ['no version', 'GET /livez\r\n\r\n'],
  ['no version, a header', 'GET /livez\r\nHost: x\r\n\r\n'],
  ['HTTP/0.9', 'GET /livez HTTP/0.9\r\n\r\n'],
  ['HTTP/2.0', 'GET /livez HTTP/2.0\r\nHost: x\r\n\r\n'],
  ['HTTP/1.2', 'GET /livez HTTP/1.2\r\nHost: x\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['no Host', 'GET /livez HTTP/1.1\r\n\r\n'],
  ['two Hosts', 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'],
  ['the same Host twice', 'GET /livez HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n'],
  ['a blank in Host', 'GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['a path in Host', 'GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a user in Host', 'GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n'],
  ['a list in Host', 'GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['letters in the port', 'GET /livez HTTP/1.1\r\nHost: a:b\r\n\r\n'],
  ['an open bracket in Host', 'GET /livez HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['no path', 'GET livez HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a star for GET', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a path that is no URI', get('/%zz')],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a method of lower case', 'get /livez HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an unknown method', 'FETCH /livez HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a control byte in the target', get('/li\u0001vez')],
  ['a byte above ASCII in the target', get('/li\u00ffvez')],
  ['a line feed alone', 'GET /livez HTTP/1.1\nHost: x\n\n'],
  ['a folded header', get('/livez', 'X-A: b\r\n c\r\n')],
  ['a blank before a colon', get('/livez', 'X-A : b\r\n')],
  ['two lengths', get('/livez', 'Content-Length: 1\r\nContent-Length: 1\r\n')],
  ['a signed length', get('/livez', 'Content-Length: +1\r\n')],
  ['length and chunks', get('/livez', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
  ['an unknown encoding at the end', get('/livez', 'Transfer-Encoding: chunked, gzip\r\n')],
] as const;

t.test(
  'each gets 400, with the headers of every reply, and the connection does not answer anything else wrongly',
  async (t) => {
    const { port } = await listening(t);
    for (const [name, text] of refused) {
      const client = new RawClient(port, text);
      await client.replies(1);
      client.socket.end();
      await client.closed;
      t.same(client.statuses, [400], name);
      t.match(client.received, /"type":"\/problems\/bad-request"/, name);
      t.match(client.received, /x-content-type-options: nosniff/i, name);
      t.match(client.received, /content-security-policy: default-src 'none'/i, name);
      t.match(client.received, /x-provider: cpu/i, name);
      t.match(client.received, /x-request-id: [0-9a-f-]{36}/i, name);
    }
  },
);

t.test('what HTTP/1.1 allows is served', async (t) => {
  const { port } = await listening(t);
  for (const [name, text, status] of [
    ['an absolute target', 'GET http://other/livez?x=1 HTTP/1.1\r\nHost: x\r\n\r\n', 200],
    ['an absolute target without a path', 'GET http://other HTTP/1.1\r\nHost: x\r\n\r\n', 200],
    ['a star for OPTIONS', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['an empty Host', 'GET /livez HTTP/1.1\r\nHost:\r\n\r\n', 200],
    ['an address of IPv6', 'GET /livez HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n', 200],
    ['a name and a port', 'GET /livez HTTP/1.1\r\nHost: gumbel.example:8080\r\n\r\n', 200],
    ['HTTP/1.0 without Host', 'GET /livez HTTP/1.0\r\n\r\n', 200],
    ['HTTP/1.0 that goes on', 'GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 200],
    ['an unknown expectation', get('/livez', 'Expect: wonders\r\n'), 417],
    ['a method that no route has', 'PROPFIND /livez HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ['a long path', get(`/${'x'.repeat(7000)}`), 404],
    ['too long a path', get(`/${'x'.repeat(9000)}`), 431],
  ] as const) {
    const client = new RawClient(port, text);
    await client.replies(1);
    client.socket.end();
    await client.closed;
    t.same(client.statuses, [status], name);
    t.match(client.received, /x-content-type-options: nosniff/i, name);
    t.match(client.received, /x-request-id: /i, name);
  }
});
