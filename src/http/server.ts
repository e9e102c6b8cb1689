/** Node's HTTP server with the limits of the configuration, which neither it nor Fastify would set all of. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../config.js';
import { connectionOf } from './connection.js';
import { Connections } from './connections.js';
import { Reply, Request } from './node-messages.js';
import { whenOver } from './reply-end.js';
import { originForm } from './request-form.js';

/** How often connections whose time is over are looked for. */
const connectionsCheckingIntervalMs = 1000;

export type HttpLimits = Pick<
  Config,
  | 'headersTimeoutMs'
  | 'requestTimeoutMs'
  | 'replyTimeoutMs'
  | 'keepAliveTimeoutMs'
  | 'headerBytesMax'
  | 'connectionsMax'
  | 'requestsPerSocketMax'
>;

export interface HttpServer {
  readonly server: Server;
  readonly connections: Connections;
  /** Has `handle` answer the requests; call it once. */
  readonly serve: (handle: RequestListener) => Server;
}

/** Never listens. */
export function httpServer(limits: HttpLimits): HttpServer {
  const server = createServer({
    IncomingMessage: Request,
    ServerResponse: Reply,
    // Node refuses to start with a limit for headers above that for requests.
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: connectionsCheckingIntervalMs,
    maxHeaderSize: limits.headerBytesMax,
    // Node would refuse with an empty body; the error replies do it with a problem.
    requireHostHeader: false,
  });
  // Node would send 100 to a request before anybody has looked at it, and 417 with an empty body. Whoever reads the
  // body sends the 100.
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request, reply) => server.emit('request', request, reply));
  }
  const serve = (handle: RequestListener) =>
    server.on('request', (request, reply) => {
      connectionOf(request.socket)?.begin(request, reply);
      whenOver(reply, replyIsOver);
      request.url = originForm(request.url as string);
      handle(request, reply);
    });
  return { server, connections: new Connections(server, limits), serve };
}

function replyIsOver(reply: ServerResponse): void {
  connectionOf(reply.req.socket)?.over(reply);
}
