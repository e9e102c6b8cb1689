/**
 * The HTTP edge: a real server over a socket. Whatever a client sends, what comes back are well-formed replies of the
 * contract, at most one for each request that Node's own parser finds in the bytes and one for what is no request;
 * then the connection closes. A draw on a new connection gets the same reply as ever.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { judge } from '../../../faults/contract.js';
import type { Random } from '../../../faults/mutate/random.js';
import { Shots } from '../../../faults/mutate/shot.js';
import { ReplyReader, type WireReply } from '../../../faults/wire.js';
import { startService } from '../../support/service.js';
import { check, Finding, shown } from '../finding.js';
import type { Input } from '../input.js';
import type { Target } from '../target.js';

/** Larger draws are refused, so that the time goes into requests. */
const environment = {
  ELEMENTS_DRAWN_MAX: '100000',
  ELEMENTS_RETURNED_MAX: '10000',
  BINARY_ELEMENTS_RETURNED_MAX: '10000',
  LOG_LEVEL: 'error',
};

/** A connection that is not closed by then never is, also on a busy machine: the longest wait of the service is 5 s. */
const hangMs = 60_000;

const bytesMax = 8192;

interface Exchange {
  readonly bytes: Buffer;
  /** Whether the connection broke instead of closing. */
  readonly reset: boolean;
}

/** Sends bytes in pieces, says that no more will come, and reads until the connection closes. */
function exchange(port: number, sent: Buffer): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    let reset = false;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Finding('the connection is neither answered nor closed'));
    }, hangMs);
    socket.on('data', (bytes) => received.push(bytes));
    socket.on('end', () => socket.end());
    socket.on('error', () => {
      reset = true;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ bytes: Buffer.concat(received), reset });
    });
    // Where the pieces end depends on the length alone, so that an input always does the same.
    const middle = sent.length % 3 === 0 ? sent.length : Math.floor((sent.length * (sent.length % 7)) / 7);
    socket.write(sent.subarray(0, middle), () => socket.end(sent.subarray(middle)));
  });
}

/** Node's own server, which tells how many requests there are, and their methods. */
class PlainServer {
  readonly #server = createServer({ requireHostHeader: false });
  #methods: string[] = [];

  async listen(): Promise<void> {
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
      this.#server.on(event, (request: IncomingMessage, reply: ServerResponse) => {
        this.#methods.push(request.method ?? '');
        request.resume();
        request.on('error', () => {});
        reply.end();
      });
    }
    this.#server.on('connect', (request, socket) => {
      this.#methods.push(request.method ?? '');
      socket.destroy();
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async methodsIn(bytes: Buffer): Promise<readonly string[]> {
    this.#methods = [];
    await exchange((this.#server.address() as AddressInfo).port, bytes);
    return this.#methods;
  }

  close(): void {
    this.#server.close();
  }
}

function repliesIn({ bytes, reset }: Exchange, methods: readonly string[]): WireReply[] {
  const reader = new ReplyReader();
  reader.ended = true;
  if (bytes.length > 0) reader.push(bytes);
  const replies: WireReply[] = [];
  while (!reader.empty) {
    reader.headOnly = methods[replies.length] === 'HEAD';
    let reply: WireReply | undefined;
    try {
      reply = reader.next();
    } catch (error) {
      throw new Finding(`what comes back is no HTTP: ${(error as Error).message}`);
    }
    if (reply === undefined) {
      // The service has asked for a body that does not come whole.
      if (reader.empty) break;
      check(reset, () => `a reply is cut off: ${shown(bytes.toString('latin1').slice(-200))}`);
      break;
    }
    replies.push(reply);
  }
  return replies;
}

function wrongIn(reply: WireReply, method: string): string | undefined {
  // Preflights, and pages that the client has already.
  const isEmpty = (reply.status === 204 || reply.status === 304) && reply.body.length === 0;
  return isEmpty ? undefined : judge(reply, method).wrong;
}

const good = Buffer.from(
  'POST /sample HTTP/1.1\r\nhost: service\r\ncontent-type: application/json\r\ncontent-length: 28\r\n\r\n' +
    '{"logits":[1,2,3],"seed":42}',
);

const lines = [
  ...['Host: service', 'Content-Length: 0', 'Content-Length: 28', 'Transfer-Encoding: chunked', 'Expect: 100-continue'],
  ...[
    'Connection: close',
    'Connection: keep-alive',
    'Connection: upgrade',
    'Upgrade: h2c',
    'Content-Type: application/json',
  ],
  ...[
    'Content-Type: text/plain',
    'Content-Encoding: gzip',
    'X-Request-Id: a b',
    'X-Deadline-Ms: 0',
    'X-Deadline-Ms: 1e3',
  ],
  ...[
    'Authorization: Bearer x',
    'Origin: http://a',
    'Access-Control-Request-Method: POST',
    'If-None-Match: *',
    'TE: trailers',
  ],
  ...['Inference-Header-Content-Length: 0', 'Inference-Header-Content-Length: 99999', 'Range: bytes=0-1', ' folded'],
  ...[
    'GET /livez HTTP/1.1',
    'HEAD /docs HTTP/1.1',
    'OPTIONS /sample HTTP/1.1',
    'GET /explore HTTP/1.0',
    'PUT /sample HTTP/1.1',
  ],
  ...[
    'GET /metrics HTTP/1.1',
    'GET /openapi.json HTTP/1.1',
    'GET //v2/../%2e%2e HTTP/1.1',
    'CONNECT a:1 HTTP/1.1',
    '0',
    '5',
    '',
  ],
] as const;

const mutations: readonly ((random: Random, body: Buffer, other: Buffer) => Buffer)[] = [
  (random, body) => {
    const bytes = Buffer.from(body);
    for (let times = random.between(1, 4); times > 0; times--) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  (random, body) => spliced(body, random.below(body.length + 1), random.below(12), Buffer.alloc(0)),
  (random, body) => spliced(body, lineIn(random, body), 0, Buffer.from(`${random.pick(lines)}\r\n`)),
  (random, body) => spliced(body, lineIn(random, body), 0, Buffer.from(`${random.pick(lines)}\r\n`)),
  (random, body) => {
    const start = lineIn(random, body);
    const end = body.indexOf('\r\n', start);
    return spliced(body, start, end < 0 ? 0 : end + 2 - start, Buffer.alloc(0));
  },
  (random, body, other) => spliced(body, lineIn(random, body), random.below(40), other.subarray(lineIn(random, other))),
  (random, body) =>
    spliced(
      body,
      random.below(body.length + 1),
      0,
      Buffer.from(random.pick(['\r\n', '\n', '\r', ':', ' ', '\0', '%', '/'])),
    ),
  (random, body) =>
    withMember(body, random.pick(['"\u00e9":1,', '"seed":7,', '"logits":[1,2],', '"x":"\ud83d\ude00",'])),
  (_, body, other) => Buffer.concat([body, other]),
  (_, body) => Buffer.concat([body, good]),
];

/** One more member of the JSON in a request, with a Content-Length that is right again. */
function withMember(body: Buffer, member: string): Buffer {
  const longer = spliced(body, body.indexOf('{') + 1, 0, Buffer.from(member)).toString('latin1');
  const end = longer.indexOf('\r\n\r\n') + 4;
  return Buffer.from(longer.replace(/content-length: *\d+/i, `content-length: ${longer.length - end}`), 'latin1');
}

function spliced(body: Buffer, position: number, removed: number, inserted: Buffer): Buffer {
  return Buffer.concat([body.subarray(0, position), inserted, body.subarray(position + removed)]);
}

/** The beginning of a line. */
function lineIn(random: Random, body: Buffer): number {
  const end = body.indexOf('\r\n', random.below(body.length + 1));
  return end < 0 ? 0 : end + 2;
}

export async function openHttpTarget(): Promise<Target> {
  const errors: string[] = [];
  const service = await startService(environment, { logTo: (line) => errors.push(line) });
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as AddressInfo;
  const plain = new PlainServer();
  await plain.listen();
  const draw = async () => {
    const [reply] = repliesIn(await exchange(port, good), []);
    return `${reply?.status} ${reply?.body}`;
  };
  const expected = await draw();
  return {
    seeds(random) {
      const shots = new Shots(random.below(2 ** 20));
      const inputs = Array.from({ length: 300 }, (_, number) => shots.shot(number));
      return inputs.map(({ bytes }) => ({ path: '', body: bytes })).filter(({ body }) => body.length <= bytesMax);
    },
    mutate(random, { body }, other): Input {
      let mutated = body;
      for (let times = random.pick([1, 1, 2, 3]); times > 0; times--)
        mutated = random.pick(mutations)(random, mutated, other.body);
      return { path: '', body: mutated.subarray(0, bytesMax) };
    },
    async run({ body }) {
      const methods = await plain.methodsIn(body);
      const replies = repliesIn(await exchange(port, body), methods);
      check(replies.length <= methods.length + 1, () => `${replies.length} replies to ${methods.length} requests`);
      for (const [index, reply] of replies.entries()) {
        const wrong = wrongIn(reply, methods[index] ?? 'GET');
        check(
          wrong === undefined,
          () => `${wrong}: ${reply.head.split('\r\n')[0]} ${shown(reply.body.toString('latin1'))}`,
        );
      }
      const next = await draw();
      check(next === expected, () => `the next draw gets ${next}`);
      check(errors.length === 0, () => `the log has an error: ${errors.splice(0).join('')}`);
    },
    async close() {
      plain.close();
      await service.close();
    },
  };
}
