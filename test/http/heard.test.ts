/**
 * A refusal is heard by clients that are still sending: they get the reply, and not a reset of their connection. Real
 * sockets, and the clients that people have: fetch, node:http, curl and Python where they are installed.
 */
import { execFile, execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import t from 'tap';
import { queueFull } from '../../src/sampler/draw-error.js';
import { listening } from '../support/raw-client.js';

/** Larger than everything between the two ends holds, and than what a JSON body may have. */
const megabytes = 24;
const body = Buffer.alloc(megabytes * 2 ** 20, ' ');

/** How a client sends the body and what it hears; a client that hears nothing rejects. */
type Client = (url: string, headers: Record<string, string>, chunked: boolean) => Promise<number>;

/** Looks for a reply only once it has sent all, as simple clients do. */
const stubborn: Client = (url, headers, chunked) =>
  new Promise((resolve, reject) => {
    const client = request(url, {
      method: 'POST',
      headers: chunked ? headers : { ...headers, 'content-length': body.length },
    });
    let status: number | undefined;
    let sent = false;
    const finish = () => sent && status !== undefined && resolve(status);
    client.on('response', (response) => {
      response.resume();
      status = response.statusCode;
      finish();
    });
    client.on('error', reject);
    client.end(body, () => {
      sent = true;
      finish();
    });
  });

const fetching: Client = async (url, headers, chunked) => {
  const payload = chunked ? { body: Readable.toWeb(Readable.from(pieces())) as never, duplex: 'half' } : { body };
  const response = await fetch(url, { method: 'POST', headers, ...payload } as RequestInit);
  await response.arrayBuffer();
  return response.status;
};

function* pieces(): Generator<Buffer> {
  for (let start = 0; start < body.length; start += 2 ** 16) yield body.subarray(start, start + 2 ** 16);
}

function isInstalled(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, (error, stdout, stderr) =>
      error ? reject(new Error(stderr)) : resolve(stdout),
    );
    // It may stop reading before it has had all.
    child.stdin?.on('error', () => {});
    child.stdin?.end(body);
  });
}

const curl: Client = async (url, headers, chunked) => {
  const named = { ...headers, expect: '', ...(chunked ? { 'transfer-encoding': 'chunked' } : {}) };
  const args = Object.entries(named).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return Number(
    await output('curl', [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '-X',
      'POST',
      '--data-binary',
      '@-',
      ...args,
      url,
    ]),
  );
};

const script = `
import sys, urllib.request, urllib.error
url, chunked, headers = sys.argv[1], sys.argv[2] == 'true', dict(h.split(': ', 1) for h in sys.argv[3:])
body = sys.stdin.buffer.read()
pieces = (body[at:at + 65536] for at in range(0, len(body), 65536))
try:
    with urllib.request.urlopen(urllib.request.Request(url, pieces if chunked else body, headers, method='POST')) as reply:
        print(reply.status)
except urllib.error.HTTPError as error:
    print(error.code)
`;

const python: Client = async (url, headers, chunked) => {
  const args = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return Number(await output('python3', ['-c', script, url, String(chunked), ...args]));
};

const clients: readonly (readonly [string, Client])[] = [
  ['node:http, which sends all before it looks', stubborn],
  ['fetch', fetching],
  ...(isInstalled('curl', '--version') ? [['curl', curl] as const] : []),
  ...(isInstalled('python3', '-c', 'import urllib.request') ? [["Python's urllib", python] as const] : []),
];

const json = { 'content-type': 'application/json' };

for (const [name, client] of clients) {
  t.test(`${name}: hears 413 by Content-Length and in the middle, 415, 404 and 503`, async (t) => {
    const { service, port } = await listening(t, { JSON_BODY_BYTES_MAX: String(2 ** 20) });
    const url = `http://127.0.0.1:${port}`;
    for (const chunked of [false, true]) {
      t.equal(await client(`${url}/sample`, json, chunked), 413);
      t.equal(await client(`${url}/sample`, { 'content-type': 'text/plain' }, chunked), 415);
      t.equal(await client(`${url}/nowhere`, json, chunked), 404);
      t.equal(await client(`${url}/v2/models/gumbel_softmax/infer`, json, chunked), 413);
    }
    const full = service.sampler as { -readonly [Key in keyof typeof service.sampler]: (typeof service.sampler)[Key] };
    full.mayRefuse = () => true;
    full.refusal = () => queueFull;
    for (const chunked of [false, true]) t.equal(await client(`${url}/sample`, json, chunked), 503);
  });
}
