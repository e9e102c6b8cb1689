/** The end of listening, without a connection that is lost. */
import type { Server } from 'node:net';

/** How long to look for a moment in which nobody connects. */
const quietMsMax = 1000;

/** Node's handle of a socket that listens; its method is uv_listen, which may be called again. */
interface Listening {
  readonly _handle?: { readonly listen?: (backlog: number) => number };
}

/**
 * Resolves after a turn of the event loop in which nobody connected: closing a socket that listens resets the
 * connections that the kernel has taken and the process has not. Those are taken first; and the kernel is told to keep
 * no more than one that waits, so that few come meanwhile: it answers no others, whose clients try again and are
 * refused, which loses nothing.
 */
export async function quietTurn(server: Server): Promise<void> {
  const endMs = performance.now() + quietMsMax;
  let connected = true;
  const note = () => {
    connected = true;
  };
  (server as Listening)._handle?.listen?.(0);
  server.on('connection', note);
  while (connected && performance.now() < endMs) {
    connected = false;
    await new Promise(setImmediate);
  }
  server.off('connection', note);
}
