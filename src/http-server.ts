/** Node's HTTP server with the limits of the configuration, which Fastify would not set all of. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Config } from './config.js';

/** How often connections whose time is over are looked for. */
const connectionsCheckingIntervalMs = 1000;

export type HttpLimits = Pick<
  Config,
  | 'headersTimeoutMs'
  | 'requestTimeoutMs'
  | 'keepAliveTimeoutMs'
  | 'headerBytesMax'
  | 'connectionsMax'
  | 'requestsPerSocketMax'
>;

/** Never listens. */
export function httpServer(limits: HttpLimits, handle: RequestListener): Server {
  const server = createServer(
    {
      // Node refuses to start with a limit for headers above that for requests.
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: connectionsCheckingIntervalMs,
      maxHeaderSize: limits.headerBytesMax,
      // Node would refuse with an empty body; the error replies do it with a problem.
      requireHostHeader: false,
    },
    handle,
  );
  server.maxConnections = limits.connectionsMax;
  server.maxRequestsPerSocket = limits.requestsPerSocketMax;
  return server;
}
