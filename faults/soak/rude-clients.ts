/** Clients of one service that leave in the middle, or are slow. */
import { getBytes } from '../requests.js';
import { every, pause } from '../time.js';
import { isReply, WireConnection } from '../wire.js';
import type { Outcomes } from './outcomes.js';
import { largeBodyBytes, largeReplyBytes, type SoakRequest } from './requests.js';

type Headers = Readonly<Record<string, string>>;

/** The service ends slow headers after 5 s, slow bodies after 10 s, slow readers after 60 s; then a busy machine. */
const dripMs = 1000;
const dripsMax = 40;
const slowReaderMs = 70_000;

async function leave(port: number, bytes: Buffer, isReset: boolean): Promise<void> {
  const connection = await WireConnection.open(port);
  void connection.request(bytes);
  // The bytes are on their way.
  await pause(5);
  if (isReset) connection.reset();
  else connection.destroy();
}

/** Asks until a reply has begun, and reads no further. */
async function openUnread(port: number, headers: Headers): Promise<WireConnection> {
  const connection = await WireConnection.open(port);
  await Promise.race([connection.request(largeReplyBytes(headers)), connection.stallAtReply()]);
  return connection;
}

/** Sends a byte a second until it is told that this is too slow. */
async function drip(port: number, request: SoakRequest, outcomes: Outcomes): Promise<void> {
  const connection = await WireConnection.open(port);
  const reply = connection.request(request.bytes);
  let isOver = false;
  void reply.then(() => {
    isOver = true;
  });
  for (let drips = 0; drips < dripsMax && !isOver; drips++) {
    await pause(dripMs);
    connection.write('1');
  }
  connection.destroy();
  const answer = await reply;
  // A client that goes on writing may lose the reply to the reset that its bytes cause.
  const isCut = !isReply(answer) && ['ECONNRESET', 'EPIPE'].includes(answer.closed);
  if (!isCut) outcomes.count(request, answer);
}

/** Starts them; the function that comes back ends that, once those under way have ended. */
export function startRudeClients(port: number, headers: Headers, outcomes: Outcomes): () => Promise<void> {
  const body = largeBodyBytes(headers);
  const bodyEnd = body.indexOf('\r\n\r\n') + 10;
  const slow = (name: string, bytes: Buffer): SoakRequest => ({
    name,
    bytes,
    expected: ['408 request-timeout'],
    isRepeated: false,
  });
  const slowHeaders = slow('slow headers', getBytes('/livez').subarray(0, -2));
  const slowBody = slow('slow body', body.subarray(0, bodyEnd));
  let turn = 0;
  /** A service whose process is killed may refuse one of them. */
  const each = (periodMs: number, act: () => Promise<void>) => every(periodMs, () => act().catch(() => {}));
  const started = [
    each(1000, async () => {
      turn += 1;
      await leave(port, turn % 3 === 0 ? body.subarray(0, body.length / 2) : body, turn % 2 === 0);
    }),
    each(10_000, async () => (await openUnread(port, headers)).destroy()),
    each(20_000, async () => {
      const connection = await openUnread(port, headers);
      await pause(slowReaderMs);
      connection.destroy();
    }),
    each(2000, () => drip(port, slowHeaders, outcomes)),
    each(2000, () => drip(port, slowBody, outcomes)),
  ];
  return async () => {
    await Promise.all(started.map((stop) => stop()));
  };
}
