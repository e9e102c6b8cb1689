/**
 * A connection of a client, with the gate between its socket and Node's HTTP parser. Node parses all of a read, 64 KiB
 * and thousands of requests sent ahead (pipelined), before anything can stop it; so the gate hands it one request at a
 * time. What is behind a request that has not been answered waits unparsed, as the bytes it came in, and reading stops
 * while too much waits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { BagItem } from '../runtime/bag.js';
import type { Request } from './node-messages.js';
import { parsedUnseen } from './parser-body.js';
import { shareReadBuffer } from './shared-read-buffer.js';

/** Where a head ends. Node's parser takes no line of a head that ends otherwise, unless it is told to be lenient. */
const headEnd = Buffer.from('\r\n\r\n');
const headEndBits = 0x0d0a0d0a;
const shortHeadBytes = 1024;

/** Pieces this short are not counted: it would take longer than to parse them. */
const uncountedBytesMax = 2 ** 14;

/**
 * A chunked body is parsed in pieces of so many bytes, after each of which it is asked whether more is wanted. This is
 * a little more than the one-byte chunks that a body may have, which take about a millisecond; 64 KiB of them took 12.
 */
const chunkedBytesMax = 6400;

/** Reading stops while so many bytes or pieces wait unparsed; one read more may come. */
const parkedBytesMax = 2 ** 16;
const parkedPiecesMax = 16;

/** How long a client that was answered before it had sent all may pause before its connection is closed. */
const lingerSilenceMs = 1000;

/**
 * What a connection is doing. `busy`: a request has come whose reply is not out, or bytes wait to be parsed.
 * `headless`: no complete head has come, or after a reply no complete body; the client is silent, or has stopped in the
 * middle of one. `idle`: its last request has been answered, and nothing has come since. `lingering`: all has been
 * said; what still comes is thrown away.
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
  /** Wakes the connection in a turn of the event loop that it has for itself. */
  readonly inItsTurn: (connection: Connection) => void;
  /** How long a connection may be idle. */
  readonly idleMs: () => number;
  /** The last request of a connection is answered with Connection: close. */
  readonly requestsMax: number;
  /** How long, and how many bytes, a client that was answered may go on sending. */
  readonly lingerMsMax: number;
  readonly lingerBytesMax: number;
}

export class Connection implements BagItem {
  bagIndex = 0;
  /** When its activity began; where it is `busy`, when the last of a body came. */
  sinceMs = performance.now();
  readonly socket: Socket;
  readonly #parts: ConnectionParts;
  /** Node's own listeners, which parse. */
  readonly #parse: (bytes: Buffer) => void;
  readonly #parseEnd: () => void;
  /** What has come and has not been parsed, in its order. */
  #parked: Buffer[] = [];
  #parkedBytes = 0;
  #requests = 0;
  #request: IncomingMessage | undefined;
  /** The reply that is not out. */
  #reply: ServerResponse | undefined;
  /** When its reply was first seen to have begun; 0 before. */
  #replySeenAtMs = 0;
  /** How much of the body of the last request is to come; infinite for a chunked one. */
  #bodyBytesLeft = 0;
  /** The last bytes of a head, or of a chunked body, whose end has not come. */
  #lastBytes = 0;
  /** Takes the body of the request under way, in place of its stream. */
  #takeBody: ((piece: Buffer) => void) | undefined;
  #inHead = true;
  #paused = false;
  #clientEnded = false;
  #lingering = false;
  #lingerBytes = 0;

  /** Call it once Node's own listener has set the socket up, before anything is read. */
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

  /** Whether nothing has ever come. */
  get silent(): boolean {
    return this.socket.bytesRead === 0;
  }

  /** How long nothing more has come of the body of a request; 0 where all of it has. */
  stalledMs(nowMs: number): number {
    return this.#reply && !this.#bodyIsOver() ? nowMs - this.sinceMs : 0;
  }

  /** Whether the reply under way has begun to leave. */
  get replyHasBegun(): boolean {
    return this.#reply?.headersSent === true;
  }

  /** How long the reply under way has been seen to be on its way by whoever asks; 0 for the first time. */
  replyMs(nowMs: number): number {
    if (!this.replyHasBegun) return 0;
    this.#replySeenAtMs ||= nowMs;
    return nowMs - this.#replySeenAtMs;
  }

  /** A request has come; Node calls it from within the parser. */
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

  /** The origin of the page that sent the request under way, if one is and a page did. */
  get origin(): string | undefined {
    return this.#reply && this.#request?.headers.origin;
  }

  /**
   * Tells a client that holds its body back until it hears whether anybody wants it (RFC 9110, section 10.1.1) that
   * somebody does.
   */
  askForBody(request: IncomingMessage): void {
    if (request.headers.expect === undefined || request.httpVersion !== '1.1') return;
    if (request === this.#request && !request.complete) this.#reply?.writeContinue();
  }

  /**
   * Hands the body of `request` to `take`, piece by piece as it is read, and nothing of it to the stream, which only
   * ends; false where that cannot be, and the stream has it. A piece is overwritten once `take` returns. Node copies
   * each piece for the stream into memory of its own, and V8 marks its heap for that, up to 10 ms at a time.
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

  /** The reply is out. */
  over(reply: ServerResponse): void {
    if (this.#reply !== reply) return;
    this.#reply = undefined;
    this.sinceMs = performance.now();
    if (this.#bodyIsOver()) {
      this.#bodyBytesLeft = 0;
      // What lives long keeps nothing of a request.
      this.#request = undefined;
    }
    if (this.#parked.length > 0) {
      // Node has just set the time that an idle connection has, which this one is not.
      this.socket.setTimeout(0);
      this.#parts.inItsTurn(this);
    } else if (this.#clientEnded) {
      this.#parseEnd();
    }
  }

  /** Reads no more until `goOn`. */
  holdBack(): void {
    this.socket.pause();
  }

  goOn(): void {
    if (!this.#paused && !this.socket.destroyed) this.socket.resume();
  }

  /** Parses what waits, up to the next request. */
  wake(): void {
    if (this.#lingering || this.socket.destroyed) return;
    const bytes = this.#parked.length === 1 ? (this.#parked[0] as Buffer) : Buffer.concat(this.#parked);
    this.#parked = [];
    this.#parkedBytes = 0;
    this.#feed(bytes);
    if (this.#paused && this.#parkedBytes < parkedBytesMax) {
      this.#paused = false;
      this.socket.resume();
    }
    if (this.#lingering || this.activity === 'busy') return;
    // What waited was no whole request.
    this.socket.setTimeout(this.#parts.idleMs());
    if (this.#clientEnded) this.#parseEnd();
  }

  /**
   * Ends the connection once what has been written is out. What still comes is not parsed but thrown away, within
   * limits: closing at once would reset the connection, and a client that is still sending would never see why. Many
   * clients do not look before they have sent all.
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

  /**
   * Whether the request has been answered, or will be, and no other will come: its connection closes with the reply.
   */
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

  /** Parses until the end of `bytes`, or of a request whose reply is not out. */
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
    // Its client may have been given up meanwhile.
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
   * Where the next end of a head ends, which may have begun in what was parsed before; the end of `bytes` if it does
   * not come.
   */
  #afterHeadEnd(bytes: Buffer, start: number): number {
    if (this.#lastBytes !== 0) {
      const mostBytes = Math.min(bytes.length, start + headEnd.length - 1);
      for (let end = start; end < mostBytes; end++) {
        this.#lastBytes = (this.#lastBytes << 8) | (bytes[end] as number);
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
      this.#lastBytes = (this.#lastBytes << 8) | (bytes[last] as number);
    return bytes.length;
  }

  #park(bytes: Buffer): void {
    // What was read lies in memory that is used again.
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

  /** The client sends no more. With nothing waiting, that is how clients leave, and what they asked for is given up. */
  #end(): void {
    this.#clientEnded = true;
    if (this.#lingering || this.#parked.length > 0) return;
    this.#parseEnd();
  }
}

/** Heads are short, and a call into Node's own search takes longer than to look at every fourth byte of one. */
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
