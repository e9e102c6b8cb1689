/** Node's HTTP server with the limits of the configuration, some of which Fastify cannot set. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../config.js';
import { connectionOf } from './connection.js';
import { Connections } from './connections.js';
import { Reply, Request } from './node-messages.js';
import { whenOver } from './reply-end.js';
import { originForm } from './request-form.js';

/** How often Node checks the timeouts of connections. */
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
  /** Makes `handle` answer the requests; call it once. */
  readonly serve: (handle: RequestListener) => Server;
}

/** Creates the server; it does not listen. */
export function httpServer(limits: HttpLimits): HttpServer {
  const server = createServer({
    IncomingMessage: Request,
    ServerResponse: Reply,
    // Node refuses to start if headersTimeout is above requestTimeout.
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: connectionsCheckingIntervalMs,
    maxHeaderSize: limits.headerBytesMax,
    // Node would send an empty 400; request-form.ts refuses with a problem.
    requireHostHeader: false,
  });
  // Node would send 100 before the request has been checked, and an empty 417. Here the reader of the body sends 100.
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
