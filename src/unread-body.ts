/**
 * How to answer a request whose body is still on its way and will not be read: the reply goes out at once and says
 * Connection: close, then what arrives is thrown away for a moment. Closing at once would reset the connection, and a
 * client that is still sending would never see why; reading to the end would let a refused body hold the connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a refused client has to notice. */
const lingerMs = 1000;

/** A refused body as short as this is thrown away by Node, and the connection goes on. */
const shortBytesMax = 2 ** 16;

/** Whether more of the body is coming than is worth reading for the sake of the connection. */
export function isUnread({ complete, headers, method }: IncomingMessage): boolean {
  if (complete || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > shortBytesMax;
}

/** Sends the rest of a reply whose head is set, and ends it once the client has stopped sending, within limits. */
export function answerUnread(request: IncomingMessage, reply: ServerResponse, body: Buffer, bytesMax: number): void {
  reply.setHeader('connection', 'close');
  reply.setHeader('content-length', body.length);
  reply.write(body);
  let thrown = 0;
  const end = () => {
    clearTimeout(timer);
    request.off('data', count).off('end', end).off('close', end);
    reply.end();
  };
  const count = (chunk: Buffer) => {
    thrown += chunk.length;
    if (thrown > bytesMax) end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on('data', count).on('end', end).on('close', end);
  request.resume();
}
