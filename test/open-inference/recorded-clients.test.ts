/**
 * The exact bytes that the official clients of the Open Inference Protocol send, each request on a connection of its
 * own, against the real app: the reply holds what POST /sample or /sample/vjp gives, bit for bit, or the refusal.
 * `npm run test:clients` runs the clients.
 */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import t from 'tap';
import { decode } from '../support/inference.js';
import { startService } from '../support/service.js';

interface Exchange {
  readonly client: string;
  readonly version: string;
  readonly what: string;
  readonly equals: {
    readonly status: number;
    /** Of a refusal. */
    readonly code?: string;
    /** Of the request that gives the same: a POST of each of the bodies, or without them a GET. */
    readonly path: string;
    /** Bodies of the same draw, one after another along the rows. */
    readonly bodies?: readonly object[];
    readonly outputs?: readonly string[];
  };
  readonly request: string;
}

const fixture = new URL('../../../test/fixtures/clients.json', import.meta.url);
const { exchanges } = JSON.parse(readFileSync(fixture, 'utf8')) as { exchanges: Exchange[] };
const service = await startService();
t.teardown(service.close);
await service.app.listen({ port: 0, host: '127.0.0.1' });
const { port } = service.app.server.address() as { port: number };

/** Sends bytes as they are, and lets Node's own HTTP client read the reply. */
async function replay(bytes: Buffer) {
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  const wire = new Duplex({ read() {}, write: (_head, _encoding, done) => done() });
  socket.on('data', (chunk) => wire.push(chunk)).on('error', (error) => wire.destroy(error));
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ createConnection: () => wire, method: 'POST' }, resolve)
      .on('error', reject)
      .end();
  });
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(chunk);
  socket.destroy();
  return { status: reply.statusCode, headers: reply.headers, body: Buffer.concat(chunks) };
}

type Numbers = Float32Array | Float64Array | Int32Array;

/** An output by the routes of this service's own, in the type it has here. */
async function drawn({ path, bodies = [] }: Exchange['equals'], name: string, kind: Numbers): Promise<Numbers> {
  const numbers: number[] = [];
  for (const body of bodies) {
    const { status, reply, text } = await service.post(path, body);
    if (status !== 200) throw new Error(`${path} ${JSON.stringify(body)}: ${text}`);
    const value = [(reply as unknown as Record<string, unknown>)[name]].flat(3) as (number | null)[];
    numbers.push(...value.map((number) => number ?? -Infinity));
  }
  return (kind.constructor as Float32ArrayConstructor).from(numbers);
}

function bits({ buffer, byteOffset, byteLength }: Numbers): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}

for (const { client, version, what, equals, request: base64 } of exchanges) {
  t.test(`${client} ${version}: ${what}`, async (t) => {
    const { status, headers, body } = await replay(Buffer.from(base64, 'base64'));
    const jsonLength = Number(headers['inference-header-content-length'] ?? body.length);
    const json = JSON.parse(body.toString('utf8', 0, jsonLength));
    t.equal(status, equals.status);
    if (equals.code) {
      t.equal(json.code, equals.code);
      t.ok(json.error.startsWith(`${equals.code}: `), 'the clients show the text alone');
      t.equal(headers['content-type'], 'application/json', 'kserve reads the text of no other media type');
    } else if (equals.outputs) {
      const { outputs } = decode(body, jsonLength);
      t.same(Object.keys(outputs), equals.outputs);
      for (const [name, { numbers }] of Object.entries(outputs)) {
        t.equal(bits(numbers), bits(await drawn(equals, name, numbers)), name);
      }
      t.equal(json.id, 'draw-1');
    } else {
      t.same(json, (await service.app.inject(equals.path)).json());
    }
  });
}

t.test('each client draws in JSON and in bytes, takes gradients and is refused', async (t) => {
  for (const client of ['tritonclient.http', 'kserve InferenceRESTClient']) {
    const own = exchanges.filter((exchange) => exchange.client === client);
    const binary = (exchange: Exchange) => /inference-header/i.test(Buffer.from(exchange.request, 'base64').toString());
    const draws = own.filter(({ equals }) => equals.path === '/sample');
    t.ok(draws.some(binary) && !draws.every(binary));
    t.ok(own.some(({ equals }) => equals.path === '/sample/vjp') && own.some(({ equals }) => equals.code));
  }
});
