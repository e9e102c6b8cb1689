/**
 * Reads all sockets into one buffer. A socket with a listener for 'data' gets 64 KiB of new memory for each read, most
 * of which it gives back at once; that costs a small request a tenth of its time, and V8 marks its whole heap for it.
 * `net.Socket` reads into a buffer of its user where its constructor has the option `onread`
 * (https://nodejs.org/api/net.html#new-netsocketoptions), which a server has no way to pass on
 * (https://github.com/nodejs/node/blob/v24.11.0/lib/net.js, onconnection). So this does to an accepted socket what the
 * constructor does. It can go once `net.createServer` takes `onread`.
 */
import type { Socket } from 'node:net';

const bytes = Buffer.alloc(2 ** 16);

interface Handle {
  readonly useUserBuffer?: (buffer: Buffer) => void;
}

/** A property of sockets that Node keeps under a symbol of its own. */
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
 * Has `socket` read into the buffer that all share, and `read` called with each piece, which is overwritten once that
 * returns. Where this version of Node does not know how, nothing happens, and 'data' comes as always.
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
