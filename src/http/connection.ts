/**
 * A connection of a client, with the gate between its socket and Node's HTTP parser. Node parses all of a read, 64 KiB
 * and thousands of pipelined requests, before anything can stop it; so the gate passes it one request at a time. Bytes
 * behind a request in flight wait unparsed, and reading stops while too many wait (back-pressure).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { BagItem } from '../runtime/bag.js';
import type { Request } from './node-messages.js';
import { parsedUnseen } from './parser-body.js';
import { shareReadBuffer } from './shared-read-buffer.js';

/** The end of a head. Node's parser accepts no other line ending, unless it is lenient. */
const headEnd = Buffer.from('\r\n\r\n');
const headEndBits = 0x0d0a0d0a;
const shortHeadBytes = 1024;

/** Shorter pieces are not counted: counting would take longer than parsing them. */
const uncountedBytesMax = 2 ** 14;

/**
 * A chunked body is parsed in pieces of this many bytes, and each piece may stop the parsing. It is a little more than
 * `piecesMin` one-byte chunks take, so that a body in absurdly small pieces is refused before it blocks the event loop.
 */
const chunkedBytesMax = 6400;

/** Reading stops while this many bytes or pieces wait unparsed; one more read may arrive. */
const parkedBytesMax = 2 ** 16;
const parkedPiecesMax = 16;

/** How long a client may pause after an early reply, in the middle of its body, before its connection is closed. */
const lingerSilenceMs = 1000;

/**
 * The state of a connection.
 *
 * - `busy`: a request is in flight, or bytes wait to be parsed.
 * - `headless`: no complete head has arrived, or after a reply no complete body.
 * - `idle`: the last request has been answered, and nothing has arrived since (keep-alive).
 * - `lingering`: the last reply has been sent; bytes that still arrive are discarded (lingering close).
 */
export type Activity = 'busy' | 'headless' | 'idle' | 'lingering';

const ownConnection = Symbol('connection');

/** The connection of a socket that an HTTP server of this service has accepted. */
export function connectionOf(socket: Socket & { [ownConnection]?: Connection }): Connection | undefined {
  return socket[ownConnection];
}

export interface ConnectionParts {
  /** A large piece has been read; the connection may be held back until the next turn of the event loop. */
  readonly countRead: (connection: Connection) => void;
  /** Resumes the connection in a turn of the event loop of its own. */
  readonly inItsTurn: (connection: Connection) => void;
  /** How long a connection may be idle. */
  readonly idleMs: () => number;
  /** The last request of a connection is answered with Connection: close. */
  readonly requestsMax: number;
  /** Limits of a lingering close: how long, and how many bytes, the client may go on sending. */
  readonly lingerMsMax: number;
  readonly lingerBytesMax: number;
}

export class Connection implements BagItem {
  bagIndex = 0;
  /** When its state began; while `busy`, when the last bytes of a body arrived. */
  sinceMs = performance.now();
  readonly socket: Socket;
  readonly #parts: ConnectionParts;
  /** Node's own listeners, which parse. */
  readonly #parse: (bytes: Buffer) => void;
  readonly #parseEnd: () => void;
  /** Bytes that have arrived and have not been parsed, in order. */
  #parked: Buffer[] = [];
  #parkedBytes = 0;
  #requests = 0;
  #request: IncomingMessage | undefined;
  /** The reply in flight. */
  #reply: ServerResponse | undefined;
  /** When the reply was first seen to have begun; 0 before. */
  #replySeenAtMs = 0;
  /** Bytes of the last request's body still to arrive; infinite for a chunked body. */
  #bodyBytesLeft = 0;
  /** The last bytes of an incomplete head or chunked body. */
  #lastBytes = 0;
  /** Receives the body of the request in flight, in place of its stream. */
  #takeBody: ((piece: Buffer) => void) | undefined;
  #inHead = true;
  #paused = false;
  #clientEnded = false;
  #lingering = false;
  #lingerBytes = 0;

  /** Call it after Node's own listener has set the socket up, and before anything is read. */
  constructor(socket: Socket & { [ownConnection]?: Connection }, parts: ConnectionParts) {
    this.socket = socket;
    this.#parts = parts;
    // Node's listeners, of _http_server.js, connectionListenerInternal, are the only ones yet. With one of ours, Node
    // reads from the socket itself, and no longer with its parser in one go (`parser.consume`).
    this.#parse = takeListener(socket, 'data');
    this.#parseEnd = takeListener(socket, 'end');
    socket[ownConnection] = this;
    const read = (bytes: Buffer) => this.#read(bytes);
    socket.on('data', read);
    shareReadBuffer(socket, read);
    socket.on('end', () => this.#end());
    // Called by Node after a reply that says Connection: close.
    socket.destroySoon = () => {
      if (this.#bodyIsOver() && this.#parked.length === 0) Socket.prototype.destroySoon.call(socket);
      else this.linger();
    };
  }

  get activity(): Activity {
    if (this.#lingering) return 'lingering';
    if (this.#reply || this.#parked.length > 0) return 'busy';
    return this.#inHead || !this.#bodyIsOver() ? 'headless' : 'idle';
  }

  /** Whether the client has never sent anything. */
  get silent(): boolean {
    return this.socket.bytesRead === 0;
  }

  /** How long the body of a request has stalled; 0 if it is complete. */
  stalledMs(nowMs: number): number {
    return this.#reply && !this.#bodyIsOver() ? nowMs - this.sinceMs : 0;
  }

  /** Whether bytes of the reply in flight have been sent. */
  get replyHasBegun(): boolean {
    return this.#reply?.headersSent === true;
  }

  /** Milliseconds since this was first called for the reply in flight; 0 at the first call. */
  replyMs(nowMs: number): number {
    if (!this.replyHasBegun) return 0;
    this.#replySeenAtMs ||= nowMs;
    return nowMs - this.#replySeenAtMs;
  }

  /** A request has arrived. Node calls this from within the parser. */
  begin(request: IncomingMessage, reply: ServerResponse): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    this.#request = request;
    this.#reply = reply;
    this.#takeBody = undefined;
    this.#replySeenAtMs = 0;
    this.#inHead = false;
    this.#requests += 1;
    if (this.#requests >= this.#parts.requestsMax) reply.shouldKeepAlive = false;
    if (encoding !== undefined) this.#bodyBytesLeft = Number.POSITIVE_INFINITY;
    else this.#bodyBytesLeft = length === undefined ? 0 : Number(length);
    if (this.#bodyBytesLeft > 0) this.sinceMs = performance.now();
  }

  /** The request in flight, whose headers have been read. */
  get request(): IncomingMessage | undefined {
    return this.#reply && this.#request;
  }

  /** Sends 100 Continue to a client that waits for it with its body (RFC 9110, section 10.1.1). */
  askForBody(request: IncomingMessage): void {
    if (request.headers.expect === undefined || request.httpVersion !== '1.1') return;
    if (request === this.#request && !request.complete) this.#reply?.writeContinue();
  }

  /**
   * Passes the body of `request` to `take` in pieces, as they are read; the stream of the request only ends. A piece is
   * overwritten once `take` returns. Returns false if that is impossible; the stream then has the body. The stream
   * would cost a copy of each piece in new external memory, for which V8 marks its whole heap.
   */
  takeBody(request: IncomingMessage, take: (piece: Buffer) => void): boolean {
    const direct =
      request === this.#request &&
      this.#bodyBytesLeft > uncountedBytesMax &&
      this.#bodyBytesLeft < Number.POSITIVE_INFINITY &&
      request.readableLength === 0 &&
      !request.complete;
    if (direct) this.#takeBody = take;
    return direct;
  }

  /** The reply has been sent. */
  over(reply: ServerResponse): void {
    if (this.#reply !== reply) return;
    this.#reply = undefined;
    this.sinceMs = performance.now();
    if (this.#bodyIsOver()) {
      this.#bodyBytesLeft = 0;
      // A long-lived connection must not hold memory of a past request.
      this.#request = undefined;
    }
    if (this.#parked.length > 0) {
      // Node has just set the keep-alive timeout, but this connection is not idle.
      this.socket.setTimeout(0);
      this.#parts.inItsTurn(this);
    } else if (this.#clientEnded) {
      this.#parseEnd();
    }
  }

  /** Stops reading until `goOn`. */
  holdBack(): void {
    this.socket.pause();
  }

  goOn(): void {
    if (!this.#paused && !this.socket.destroyed) this.socket.resume();
  }

  /** Parses the waiting bytes, up to the next request. */
  wake(): void {
    if (this.#lingering || this.socket.destroyed) return;
    const bytes = this.#parked.length === 1 ? this.#parked[0] : Buffer.concat(this.#parked);
    this.#parked = [];
    this.#parkedBytes = 0;
    this.#feed(bytes);
    if (this.#paused && this.#parkedBytes < parkedBytesMax) {
      this.#paused = false;
      this.socket.resume();
    }
    if (this.#lingering || this.activity === 'busy') return;
    // The waiting bytes were no complete request.
    this.socket.setTimeout(this.#parts.idleMs());
    if (this.#clientEnded) this.#parseEnd();
  }

  /**
   * Lingering close: ends the connection after the reply has been sent, and discards bytes that still arrive, within
   * limits. Closing at once would reset the connection, and a client that is still sending would lose the reply: many
   * clients read it only after they have sent the whole body.
   */
  linger(): void {
    if (this.#lingering) return;
    this.#lingering = true;
    this.sinceMs = performance.now();
    this.#parked = [];
    const { socket } = this;
    socket.end();
    socket.resume();
    const destroy = () => socket.destroy();
    socket.setTimeout(lingerSilenceMs, destroy);
    const timer = setTimeout(destroy, this.#parts.lingerMsMax);
    socket.once('close', () => clearTimeout(timer));
  }

  #bodyIsOver(): boolean {
    return this.#bodyBytesLeft === 0 || (this.#request as IncomingMessage).complete;
  }

  /** Whether the connection closes with the reply in flight, or has closed with the last one. */
  #restIsUnwanted(): boolean {
    const reply = this.#reply;
    if (!reply || this.#bodyIsOver()) return false;
    return (this.#request as Request).refused || (reply.writableEnded && !reply.shouldKeepAlive);
  }

  #read(bytes: Buffer): void {
    if (bytes.length > uncountedBytesMax) this.#parts.countRead(this);
    if (this.#lingering || this.#restIsUnwanted()) this.#throwAway(bytes);
    else if (this.#parked.length > 0) this.#park(bytes);
    else this.#feed(bytes);
  }

  /** Parses until the end of `bytes`, or the end of a request that must be answered first. */
  #feed(bytes: Buffer): void {
    let start = 0;
    while (start < bytes.length) {
      if (this.#reply && this.#bodyIsOver()) {
        this.#park(start === 0 ? bytes : bytes.subarray(start));
        return;
      }
      const inBody = !this.#bodyIsOver();
      const end = inBody ? this.#endOfBody(bytes, start) : this.#endOfHead(bytes, start);
      const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
      if (inBody && this.#takeBody) this.#passBody(this.#takeBody, piece);
      else this.#parse(piece);
      if (this.#lingering || this.socket.destroyed || this.#restIsUnwanted()) return;
      start = end;
    }
  }

  #passBody(take: (piece: Buffer) => void, piece: Buffer): void {
    take(piece);
    if (this.#bodyBytesLeft === 0) this.#takeBody = undefined;
    // The connection may have been closed meanwhile.
    if (!this.socket.destroyed) parsedUnseen(this.socket, () => this.#parse(piece));
  }

  /** How far to parse for the end of a head; no further than that, as what follows may be another. */
  #endOfHead(bytes: Buffer, start: number): number {
    if (!this.#inHead) {
      this.#inHead = true;
      this.#lastBytes = 0;
      this.sinceMs = performance.now();
    }
    return this.#afterHeadEnd(bytes, start);
  }

  #endOfBody(bytes: Buffer, start: number): number {
    this.sinceMs = performance.now();
    // The end of a chunked body looks like that of a head, and so may bytes within it.
    if (this.#bodyBytesLeft === Number.POSITIVE_INFINITY) {
      const piece = bytes.length - start > chunkedBytesMax ? bytes.subarray(0, start + chunkedBytesMax) : bytes;
      return this.#afterHeadEnd(piece, start);
    }
    const end = Math.min(bytes.length, start + this.#bodyBytesLeft);
    this.#bodyBytesLeft -= end - start;
    return end;
  }

  /**
   * Offset behind the next end of a head, which may have begun in bytes parsed before; the length of `bytes` if there
   * is none.
   */
  #afterHeadEnd(bytes: Buffer, start: number): number {
    if (this.#lastBytes !== 0) {
      const mostBytes = Math.min(bytes.length, start + headEnd.length - 1);
      for (let end = start; end < mostBytes; end++) {
        this.#lastBytes = (this.#lastBytes << 8) | bytes[end];
        if (this.#lastBytes !== headEndBits) continue;
        this.#lastBytes = 0;
        return end + 1;
      }
      if (mostBytes === bytes.length) return mostBytes;
    }
    const at = findHeadEnd(bytes, start);
    if (at >= 0) {
      this.#lastBytes = 0;
      return at + headEnd.length;
    }
    for (let last = Math.max(start, bytes.length - headEnd.length); last < bytes.length; last++)
      this.#lastBytes = (this.#lastBytes << 8) | bytes[last];
    return bytes.length;
  }

  #park(bytes: Buffer): void {
    // The read buffer is reused, so the bytes are copied.
    this.#parked.push(Buffer.from(bytes));
    this.#parkedBytes += bytes.length;
    if (this.#parkedBytes < parkedBytesMax && this.#parked.length < parkedPiecesMax) return;
    this.#paused = true;
    this.socket.pause();
  }

  #throwAway(bytes: Buffer): void {
    this.#lingerBytes += bytes.length;
    if (this.#lingerBytes > this.#parts.lingerBytesMax) this.socket.destroy();
  }

  /** The client has half-closed. If no bytes wait to be parsed, it counts as gone, and its draw is abandoned. */
  #end(): void {
    this.#clientEnded = true;
    if (this.#lingering || this.#parked.length > 0) return;
    this.#parseEnd();
  }
}

/** A loop over every fourth byte: heads are short, and a call of `Buffer.indexOf` would take longer. */
function findHeadEnd(bytes: Buffer, start: number): number {
  const shortEnd = Math.min(bytes.length, start + shortHeadBytes);
  for (let last = start + 3; last < shortEnd; last += 4) {
    const byte = bytes[last];
    if (byte !== 10 && byte !== 13) continue;
    for (let at = last - 3; at <= last; at++) if (isHeadEnd(bytes, at)) return at;
  }
  return shortEnd === bytes.length ? -1 : bytes.indexOf(headEnd, shortEnd - headEnd.length + 1);
}

function isHeadEnd(bytes: Buffer, at: number): boolean {
  return bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10;
}

function takeListener(socket: Socket, event: 'data' | 'end'): (bytes?: Buffer) => void {
  const own = socket.listeners(event).at(-1) as (bytes?: Buffer) => void;
  socket.removeListener(event, own);
  return own;
}
