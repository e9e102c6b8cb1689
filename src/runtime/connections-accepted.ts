/** The end of listening, which loses no connection. */
import type { Server as NetServer } from 'node:net';

/** How long a stop waits for a turn of the event loop without new connections. */
const quietWaitMsMax = 1000;

/** Node's private handle of a listening socket. Its `listen` is uv_listen, which may be called again. */
interface ListeningSocket {
  readonly _handle?: { readonly listen?: (backlog: number) => number };
}

/**
 * Resolves after a turn of the event loop without a new connection. Closing a listening socket resets the connections
 * that the kernel has accepted and the process has not
 * (https://utcc.utoronto.ca/~cks/space/blog/programming/SocketListenLimitation), so the process accepts them first. A
 * backlog of 0 limits the kernel to one more meanwhile: it ignores further SYNs, whose clients retry and are refused,
 * so no request is lost. Can go when the kernel can stop accepting without a reset.
 */
export async function connectionsAccepted(server: NetServer): Promise<void> {
  const endMs = performance.now() + quietWaitMsMax;
  let hasConnected = true;
  const onConnection = () => {
    hasConnected = true;
  };
  (server as ListeningSocket)._handle?.listen?.(0);
  server.on('connection', onConnection);
  while (hasConnected && performance.now() < endMs) {
    hasConnected = false;
    await new Promise(setImmediate);
  }
  server.off('connection', onConnection);
}
