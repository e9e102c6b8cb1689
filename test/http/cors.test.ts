/**
 * Calls from pages of other origins: off by default, and where they are on every reply says so, whoever wrote it. Real
 * sockets.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config.js';
import { ConfigError } from '../../src/option.js';
import { queueFull } from '../../src/sampler/draw-error.js';
import { get, listening, post, RawClient } from '../support/raw-client.js';

const mine = 'https://example.org';
const draw = '{"logits":[1,2],"seed":1}';
const closing = 'Connection: close\r\n';

/** The headers of the one reply that a client gets, in lower case. */
async function headersOf(port: number, text: string): Promise<Record<string, string>> {
  const client = new RawClient(port, text);
  await client.closed;
  const [head = ''] = client.received.split('\r\n\r\n');
  const lines = head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(/: (.*)/s));
  return {
    status: head.split(' ')[1],
    ...Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value])),
  };
}

function preflight(path: string, origin: string, method = 'POST'): string {
  return `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: ${method}\r\nAccess-Control-Request-Headers: authorization,content-type\r\n${closing}\r\n`;
}

t.test('off by default: no reply names an origin, and a preflight is an unknown method', async (t) => {
  const { port } = await listening(t);
  const headers = await headersOf(port, post('/sample', draw, `Origin: ${mine}\r\n${closing}`));
  t.equal(headers.status, '200');
  for (const name of Object.keys(headers)) t.notMatch(name, /^access-control|^vary/);
  t.match(await headersOf(port, preflight('/sample', mine)), { status: '405', allow: 'POST' });
});

t.test('a listed origin may read every reply, errors too, and others may not', async (t) => {
  const environment = { CORS_ORIGINS: `http://localhost:5173, ${mine}`, JSON_BODY_BYTES_MAX: '1024' };
  const { port: patient } = await listening(t, environment);
  const { port: impatient } = await listening(t, { ...environment, REQUEST_TIMEOUT_MS: '1000' });
  const from = (origin: string) => `Origin: ${origin}\r\n${closing}`;
  const requests = [
    ['200', (origin: string) => post('/sample', draw, from(origin))],
    ['200', (origin: string) => get('/openapi.json', from(origin))],
    ['422', (origin: string) => post('/sample', '{}', from(origin))],
    ['400', (origin: string) => post('/sample', '{', from(origin))],
    ['400', (origin: string) => post('/v2/models/gumbel_softmax/infer', '{', from(origin))],
    ['404', (origin: string) => get('/nowhere', from(origin))],
    ['405', (origin: string) => get('/sample', from(origin))],
    ['413', (origin: string) => post('/sample', ' '.repeat(2000), from(origin))],
    ['417', (origin: string) => get('/livez', `Expect: wonders\r\n${from(origin)}`)],
    ['400', (origin: string) => get('/%zz', from(origin))],
    // Node itself finds that the rest of the body does not come.
    ['408', (origin: string) => post('/sample', draw, from(origin)).slice(0, -5)],
  ] as const;
  for (const [status, request] of requests) {
    const port = status === '408' ? impatient : patient;
    for (const origin of [mine, 'http://localhost:5173']) {
      const headers = await headersOf(port, request(origin));
      t.match(headers, { status, 'access-control-allow-origin': origin, vary: 'origin' });
      t.match(headers['access-control-expose-headers'], /x-request-id, retry-after, x-provider/);
      t.equal(headers['access-control-allow-credentials'], undefined);
    }
    const other = await headersOf(port, request('https://example.org.evil'));
    t.match(other, { status, vary: 'origin' });
    t.equal(other['access-control-allow-origin'], undefined);
  }
});

t.test('a full queue and a missing key say so too', async (t) => {
  const file = join(t.testdir(), 'keys');
  writeFileSync(file, `someone:${createHash('sha256').update('secret').digest('hex')}\n`);
  const { service, port } = await listening(t, { CORS_ORIGINS: mine, API_KEYS_FILE: file });
  const origin = `Origin: ${mine}\r\n${closing}`;
  t.match(await headersOf(port, post('/sample', draw, origin)), { status: '401', 'access-control-allow-origin': mine });
  t.match(await headersOf(port, preflight('/sample', mine)), { status: '204' }, 'a preflight has no key');
  const full = service.sampler as { -readonly [Key in keyof typeof service.sampler]: (typeof service.sampler)[Key] };
  full.mayRefuse = () => true;
  full.refusal = () => queueFull;
  const refused = await headersOf(port, post('/sample', draw, `Authorization: Bearer secret\r\n${origin}`));
  t.match(refused, { status: '503', 'retry-after': '1', 'access-control-allow-origin': mine });
});

t.test('a preflight names the methods of the path, and the headers that may be sent', async (t) => {
  const { port } = await listening(t, { CORS_ORIGINS: mine });
  for (const [path, methods] of [
    ['/sample', 'POST'],
    ['/v2/models/gumbel_softmax/infer', 'POST'],
    ['/problems/validation', 'GET, HEAD'],
  ] as const) {
    const headers = await headersOf(port, preflight(path, mine));
    t.match(headers, {
      status: '204',
      'access-control-allow-origin': mine,
      'access-control-allow-methods': methods,
      'access-control-max-age': '7200',
    });
    for (const name of [
      'authorization',
      'content-type',
      'inference-header-content-length',
      'x-request-id',
      'x-deadline-ms',
      'traceparent',
      'tracestate',
    ]) {
      t.match(headers['access-control-allow-headers'], name);
    }
  }
  t.match(await headersOf(port, preflight('/nowhere', mine)), { status: '404' });
  const other = await headersOf(port, preflight('/sample', 'https://other.org'));
  t.equal(other.status, '405');
  t.equal(other['access-control-allow-origin'], undefined);
});

t.test('* lets every origin read, without Vary, also where no request could be read', async (t) => {
  const { port } = await listening(t, { CORS_ORIGINS: '*' });
  t.match(await headersOf(port, post('/sample', draw, `Origin: ${mine}\r\n${closing}`)), {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': /\bserver-timing\b/,
  });
  t.match(await headersOf(port, preflight('/sample', 'https://any.org')), {
    status: '204',
    'access-control-allow-origin': '*',
  });
  const garbage = await headersOf(port, 'GARBAGE\r\n\r\n');
  t.match(garbage, { status: '400', 'access-control-allow-origin': '*' });
  t.equal(garbage.vary, undefined);
});

t.test('what is no origin ends the start', async (t) => {
  t.same(readConfig({ CORS_ORIGINS: ' https://a.org , http://b:1 ' }).corsOrigins, ['https://a.org', 'http://b:1']);
  for (const value of [
    'a.org',
    'https://a.org/',
    'https://a.org/x',
    'HTTPS://A.ORG',
    'https://a.org,',
    '*,https://a.org',
    'null',
    'https://*.a.org/',
  ]) {
    t.throws(() => readConfig({ CORS_ORIGINS: value }), ConfigError, value);
  }
});
