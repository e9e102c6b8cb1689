/** GET / and GET /explore: what is served, and under which policy. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);
const { app } = service;

t.test('both pages and their files are served, under a policy that allows this service alone', async (t) => {
  for (const [url, type] of [
    ['/', /^text\/html; charset=utf-8/],
    ['/explore', /^text\/html; charset=utf-8/],
    ['/explore/page.js', /javascript/],
    ['/explore/page.css', /^text\/css/],
    ['/explore/kernel.wasm', /^application\/wasm$/],
    ['/explore/icon.svg', /^image\/svg/],
    ['/explore/inter-latin-wght-normal.woff2', /^font\/woff2/],
  ] as const) {
    const { statusCode, headers } = await app.inject(url);
    t.equal(statusCode, 200, url);
    t.match(headers['content-type'], type, url);
    t.match(headers['content-security-policy'], /^default-src 'self';/, url);
    t.match(headers['content-security-policy'], /; script-src 'self' 'wasm-unsafe-eval';/, url);
    t.notMatch(headers['content-security-policy'], /'unsafe/, url);
    t.equal(headers['x-content-type-options'], 'nosniff', url);
  }
});

t.test('no page has a script, a style or an address of its own in its text', async (t) => {
  for (const url of ['/', '/explore']) {
    const { body } = await app.inject(url);
    t.notMatch(body, /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|https?:\/\//);
    t.match(body, /href="docs"/, 'and the documentation is linked');
  }
  t.match((await app.inject('/')).body, /href="explore"/);
});

t.test('a browser that has a file is told so', async (t) => {
  const { headers } = await app.inject('/explore/page.js');
  t.equal(headers['cache-control'], 'no-cache');
  const again = await app.inject({ url: '/explore/page.js', headers: { 'if-none-match': String(headers.etag) } });
  t.equal(again.statusCode, 304);
});

const constants = [
  '/',
  '/explore',
  '/explore/page.js',
  '/explore/kernel.wasm',
  '/explore/inter-latin-wght-normal.woff2',
  '/docs',
  '/docs/',
  '/docs/static/swagger-ui-bundle.js',
  '/docs/static/swagger-ui.css',
  '/docs/static/index.css',
  '/docs/static/swagger-initializer.js',
  '/docs/static/favicon-32x32.png',
  '/openapi.json',
  '/openapi.yaml',
  '/docs/json',
  '/docs/yaml',
];

t.test('each has a strong ETag of its content: 304 for who has it, and HEAD says what GET would', async (t) => {
  for (const url of constants) {
    const { headers, rawPayload, statusCode } = await app.inject(url);
    t.equal(statusCode, 200, url);
    t.equal(headers.etag, `"${createHash('sha256').update(rawPayload).digest('base64url')}"`, url);
    t.equal(headers['content-length'], String(rawPayload.length), url);
    const etag = String(headers.etag);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await app.inject({ url, headers: { 'if-none-match': known } });
      t.equal(again.statusCode, 304, `${url} ${known}`);
      t.equal(again.rawPayload.length, 0);
      t.equal(again.headers.etag, etag);
      t.equal(again.headers['content-security-policy'], headers['content-security-policy']);
    }
    const other = await app.inject({ url, headers: { 'if-none-match': '"other"' } });
    t.equal(other.statusCode, 200, url);
    const head = await app.inject({ method: 'HEAD', url });
    t.equal(head.rawPayload.length, 0);
    for (const name of ['etag', 'content-length', 'content-type'] as const)
      t.equal(head.headers[name], headers[name], url);
    const part = await app.inject({ url, headers: { range: 'bytes=0-1' } });
    t.equal(part.rawPayload.length, rawPayload.length, `${url}: a range may be ignored`);
  }
});

t.test('replies that nobody reads open no files and hold no copies', async (t) => {
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = new URL(url);
  const connections = 8;
  const requestsEach = 500;
  const file = '/docs/static/swagger-ui-bundle.js';
  await fetch(url + file).then((reply) => reply.arrayBuffer());
  const opened = () => readdirSync('/proc/self/fd').length;
  const outside = () => process.memoryUsage().arrayBuffers / 2 ** 20;
  const [openBefore, outsideBefore] = [opened(), outside()];
  const sockets = Array.from({ length: connections }, () => connect(Number(port), '127.0.0.1'));
  for (const socket of sockets) {
    socket.pause();
    socket.write(`GET ${file} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(requestsEach));
  }
  // Answered after the requests that came before it, one small one a connection at a time.
  for (let round = 0; round < 50; round++) await fetch(`${url}/livez`).then((reply) => reply.arrayBuffer());
  // Two ends of each connection, and that of the fetches; 4,000 files of 1.7 MB otherwise.
  t.ok(opened() - openBefore <= 2 * connections + 8, `${opened() - openBefore} more open files`);
  t.ok(outside() - outsideBefore < 64, `${outside() - outsideBefore} MiB more outside of the heap`);
  for (const socket of sockets) socket.destroy();
});

t.test('Swagger UI shows no padlock where keys are off, and is below any prefix what it is here', async (t) => {
  const css = (await app.inject('/docs/static/index.css')).body;
  t.match(css, /auth-wrapper.*display: none/);
  for (const [url, base] of [
    ['/docs', 'http://proxy/prefix/docs'],
    ['/docs/', 'http://proxy/prefix/docs/'],
  ] as const) {
    const { body } = await app.inject(url);
    t.match(body, '<title>gumbel-sampler</title>');
    t.match(body, 'name="viewport"');
    const assets = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => new URL(path, base).pathname);
    t.equal(assets.length, 6);
    for (const path of assets) {
      t.ok(path.startsWith('/prefix/docs/static/'), path);
      t.equal((await app.inject(path.replace('/prefix', ''))).statusCode, 200, path);
    }
  }
  for (const url of ['/docs/static/', '/docs/static/index.html']) {
    const { statusCode, headers } = await app.inject(url);
    t.same([statusCode, headers.location], [302, '/docs/'], url);
  }
});

t.test('nothing else of the build is served', async (t) => {
  for (const url of [
    '/explore/page.html',
    '/explore/',
    '/explore/../src/server.js',
    '/explore/%2e%2e%2fsrc/server.js',
  ]) {
    t.equal((await app.inject(url)).statusCode, 404, url);
  }
});

t.test('Swagger UI links the page', async (t) => {
  t.match((await app.inject('/openapi.json')).json().info.description, /\(\/explore\)/);
});
