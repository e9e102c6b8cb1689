/**
 * Reads all sockets into one shared buffer. A socket with a listener for 'data' allocates 64 KiB for each read, which
 * is slow for small requests and makes V8 mark its whole heap. The constructor of `net.Socket` has the option `onread`
 * for a buffer of its user (https://nodejs.org/api/net.html#new-netsocketoptions), but a server cannot pass it on
 * (https://github.com/nodejs/node/blob/v24.11.0/lib/net.js, onconnection). So this does to an accepted socket what the
 * constructor does. Can go when `net.createServer` takes `onread` (https://github.com/nodejs/node/issues/53792).
 */
import type { Socket } from 'node:net';

const bytes = Buffer.alloc(2 ** 16);

interface Handle {
  readonly useUserBuffer?: (buffer: Buffer) => void;
}

/** A property of sockets under a private symbol of Node. */
function symbolOf(socket: Socket, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
}

let symbols: { readonly buffer: symbol; readonly callback: symbol } | undefined;

function findSymbols(socket: Socket): typeof symbols {
  const buffer = symbolOf(socket, 'kBuffer');
  const callback = symbolOf(socket, 'kBufferCb');
  if (buffer && callback) symbols = { buffer, callback };
  return symbols;
}

/**
 * Makes `socket` read into the shared buffer, and calls `read` with each piece. A piece is overwritten once `read`
 * returns. Without the symbols in this version of Node it does nothing, and 'data' events come as usual.
 */
export function shareReadBuffer(socket: Socket, read: (piece: Buffer) => void): void {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Handle };
  const names = symbols ?? findSymbols(socket);
  if (!names || !handle?.useUserBuffer) return;
  Object.assign(socket, {
    [names.buffer]: bytes,
    [names.callback]: (length: number) => read(length === bytes.length ? bytes : bytes.subarray(0, length)),
  });
  handle.useUserBuffer(bytes);
}
