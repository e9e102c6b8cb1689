/** Everything around the draw: probes, documentation, problems, methods, paths, and errors of HTTP itself. */
import { connect } from 'node:net';
import t from 'tap';
import { catalogue } from '../../src/errors.js';
import type { Sampler } from '../../src/sampler/sampler.js';
import { startService } from '../support/service.js';

const service = await startService({ REQUEST_TIMEOUT_MS: '1000' });
const { app, lifecycle } = service;
t.teardown(service.close);
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as { port: number };

/** Sends raw bytes on a socket and gives back all that comes until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', reject);
  });
}

t.test('the probes answer, and readiness turns while draining', async (t) => {
  t.same((await app.inject('/livez')).json(), { status: 'live' });
  t.same((await app.inject('/readyz')).json(), { status: 'ready', provider: 'cpu' });
  lifecycle.draining = true;
  const unready = await app.inject('/readyz');
  t.equal(unready.statusCode, 503);
  t.equal(unready.json().type, '/problems/draining');
  t.equal(unready.headers['retry-after'], '1');
  t.equal((await app.inject('/livez')).statusCode, 200, 'a draining process is alive');
  const served = await service.sample({ logits: [1] });
  t.equal(served.status, 200, 'what still arrives is served');
  t.equal((await app.inject('/livez')).headers.connection, 'close', 'and clients are told to go elsewhere');
  lifecycle.draining = false;
});

t.test('every reply says which provider and device the service draws on', async (t) => {
  const { provider, device } = service.sampler;
  for (const [method, url] of [
    ['GET', '/livez'],
    ['GET', '/v2'],
    ['POST', '/sample'],
    ['GET', '/nowhere'],
  ] as const) {
    const { headers } = await app.inject({ method, url });
    t.match(headers, { 'x-provider': provider, 'x-provider-device': device });
  }
});

t.test('every code of the catalogue is explained at its path', async (t) => {
  for (const [code, { status, title }] of Object.entries(catalogue)) {
    const response = await app.inject(`/problems/${code}`);
    t.equal(response.statusCode, 200);
    t.match(response.json(), { code, status, title, meaning: /\w/, remedy: /\w/ });
  }
  for (const code of ['nonsense', 'constructor', '__proto__']) {
    const response = await app.inject(`/problems/${code}`);
    t.equal(response.statusCode, 404);
    t.equal(response.json().type, '/problems/not-found');
  }
});

t.test('an unknown path is 404, whatever the method and body', async (t) => {
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'] as const) {
    const response = await app.inject({
      method,
      url: '/nowhere?x=1',
      headers: { 'content-type': 'x/y' },
      ...(method === 'POST' ? { payload: 'x' } : {}),
    });
    t.equal(response.statusCode, 404);
    t.equal(response.json().type, '/problems/not-found');
    t.match(response.headers['content-type'], 'application/problem+json');
  }
});

t.test('a wrong method is 405 and Allow names the right ones', async (t) => {
  for (const [method, url, allow] of [
    ['GET', '/sample', 'POST'],
    ['HEAD', '/sample', 'POST'],
    ['OPTIONS', '/sample', 'POST'],
    ['PUT', '/sample?x=1', 'POST'],
    ['DELETE', '/livez', 'GET, HEAD'],
    ['POST', '/readyz', 'GET, HEAD'],
    ['PATCH', '/problems/validation', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ] as const) {
    const response = await app.inject({ method, url });
    t.equal(response.statusCode, 405, `${method} ${url}`);
    t.equal(response.headers.allow, allow);
    if (method !== 'HEAD') t.equal(response.json().type, '/problems/method-not-allowed');
  }
  t.match(await raw('PROPFIND /sample HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 405 /);
});

t.test('requests that are no HTTP get 400 bad-request', async (t) => {
  t.match(await raw('NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 .*\/problems\/bad-request/s);
  t.match(
    await raw('GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 400 .*\/problems\/bad-request/s,
  );
  t.match(
    await raw('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 400 .*\/problems\/bad-request.*Host header/s,
  );
  const twoLengths = 'POST /sample HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}';
  t.match(await raw(twoLengths), /^HTTP\/1\.1 400 .*\/problems\/bad-request/s);
});

t.test('HTTP/1.0 needs no Host, and an expectation that nobody knows is refused', async (t) => {
  t.match(await raw('GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 .*"live"/s);
  const expecting = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: wonders\r\n\r\n';
  t.match(await raw(expecting), /^HTTP\/1\.1 417 .*\/problems\/expectation-failed/s);
});

t.test('headers above 16 KiB get 431', async (t) => {
  const reply = await raw(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
  t.match(reply, /^HTTP\/1\.1 431 .*\/problems\/headers-too-large/s);
});

t.test('a body that does not arrive in time gets 408', async (t) => {
  const start = 'POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
  t.match(await raw(start), /^HTTP\/1\.1 408 .*\/problems\/request-timeout/s);
});

t.test('a client that never closes its side does not keep the socket', async (t) => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write('NONSENSE\r\n\r\n'));
  socket.resume();
  await new Promise((resolve) => socket.on('end', resolve));
  // The server has destroyed its end: a write is answered with a reset.
  const gone = new Promise((resolve) => socket.on('error', resolve));
  const writing = setInterval(() => socket.write('x'), 10);
  t.match(await gone, { code: /ECONNRESET|EPIPE/ });
  clearInterval(writing);
});

t.test('a path below the pages that is no file is a problem like any other', async (t) => {
  const response = await app.inject('/docs/static/nothing.js');
  t.equal(response.statusCode, 404);
  t.equal(response.json().type, '/problems/not-found');
});

t.test('a chunked body is accepted', async (t) => {
  const body = '{"logits":[1,2],"seed":1}';
  const half = body.length >> 1;
  const chunks = [body.slice(0, half), body.slice(half), ''].map(
    (chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`,
  );
  const head =
    'POST /sample HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  t.match(await raw(head + chunks.join('')), /^HTTP\/1\.1 200 .*"noise_version":"philox4x32-10\/1"/s);
});

t.test('Swagger UI and the document are served', async (t) => {
  const page = await app.inject('/docs/');
  t.equal(page.statusCode, 200);
  t.match(page.body, 'swagger-ui');
  t.match((await app.inject('/openapi.json')).json(), { openapi: '3.1.0' });
  t.match((await app.inject('/openapi.yaml')).body, /^openapi: 3\.1\.0/);
});

t.test('every reply tells browsers to do nothing with it, and nothing asks for HTTPS', async (t) => {
  for (const url of [
    '/livez',
    '/nowhere',
    '/metrics',
    '/openapi.json',
    '/problems/validation',
    '/%zz',
    '/docs/',
    '/docs/static/swagger-ui.css',
  ]) {
    const { headers } = await app.inject(url);
    if (url !== '/%zz') t.equal(headers['x-content-type-options'], 'nosniff', url);
    t.equal(headers['strict-transport-security'], undefined);
    t.notMatch(headers['content-security-policy'], 'upgrade-insecure-requests');
    if (!url.startsWith('/docs') && url !== '/%zz') {
      t.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'", url);
    }
  }
});

t.test('the page may load what it needs from this service and nothing else', async (t) => {
  const page = await app.inject('/docs/');
  const policy = Object.fromEntries(
    String(page.headers['content-security-policy'])
      .split(';')
      .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1).join(' ')]),
  );
  t.match(policy, {
    'default-src': "'none'",
    'script-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'none'",
  });
  t.equal(page.headers['x-frame-options'], 'DENY');
  t.notMatch(page.body, /<script>|<style|style=|onload=/, 'no script or style stands in the page itself');
  const assets = [...page.body.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path]) => path);
  t.ok(assets.length >= 5);
  for (const path of assets) {
    const asset = await app.inject(`/docs/${path}`);
    t.equal(asset.statusCode, 200, path);
    t.equal(asset.headers['content-security-policy'], page.headers['content-security-policy']);
  }
});

t.test('DOCS=off takes the pages and the document away, and leaves the explanations of errors', async (t) => {
  const bare = await startService({ DOCS: 'off' });
  t.teardown(bare.close);
  for (const url of [
    '/',
    '/explore',
    '/explore/page.js',
    '/docs',
    '/docs/',
    '/docs/static/swagger-ui.css',
    '/openapi.json',
    '/openapi.yaml',
  ]) {
    t.equal((await bare.app.inject(url)).statusCode, 404, url);
  }
  t.equal((await bare.app.inject('/problems/validation')).statusCode, 200);
  t.equal((await bare.sample({ logits: [1] })).status, 200);
});

t.test('an error of our own is 500 internal and says nothing of its cause', async (t) => {
  const broken = await startService();
  t.teardown(broken.close);
  const failing = broken.sampler as { -readonly [Key in keyof Sampler]: Sampler[Key] };
  failing.draw = async () => {
    throw new Error('secret cause');
  };
  const { status, reply, text } = await broken.sample({ logits: [1] });
  t.equal(status, 500);
  t.equal(reply.type, '/problems/internal');
  t.notMatch(text, 'secret');
});

t.test('a full queue answers 503 overloaded with Retry-After, and the service recovers', async (t) => {
  const small = await startService({ QUEUE_REQUESTS_MAX: '1' });
  t.teardown(small.close);
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => small.sample({ logits: [1, 2], num_samples: 1000 })),
  );
  const shed = replies.filter(({ status }) => status === 503);
  t.ok(shed.length > 0);
  for (const { reply } of shed) t.equal(reply.type, '/problems/overloaded');
  t.equal(shed.length + replies.filter(({ status }) => status === 200).length, 30);
  t.equal((await small.sample({ logits: [1] })).status, 200);
});
