/** GET / and GET /explore: what is served, and under which policy. */
import t from 'tap';
import { startService } from '../service.js';

const service = await startService();
t.teardown(service.close);
const { app } = service;

t.test('both pages and their files are served, under a policy that allows this service alone', async (t) => {
  for (const [url, type] of [
    ['/', /^text\/html; charset=utf-8/],
    ['/explore', /^text\/html; charset=utf-8/],
    ['/explore/page.js', /javascript/],
    ['/explore/page.css', /^text\/css/],
    ['/explore/icon.svg', /^image\/svg/],
    ['/explore/inter-latin-wght-normal.woff2', /^font\/woff2/],
  ] as const) {
    const { statusCode, headers } = await app.inject(url);
    t.equal(statusCode, 200, url);
    t.match(headers['content-type'], type, url);
    t.match(headers['content-security-policy'], /^default-src 'self';/, url);
    t.notMatch(headers['content-security-policy'], /unsafe/, url);
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
