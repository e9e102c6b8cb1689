/**
 * One keep-alive connection that sends prepared bytes and counts what comes back, at a fraction of what an HTTP client
 * library costs: on a machine of two cores a client that parses every reply would set the pace of large ones. Knows as
 * much of HTTP/1.1 as the benchmarks need: a status line, Content-Length or chunked bodies, one request at a time.
 */
import { connect, type Socket } from 'node:net';
import type { Sent } from './bodies.js';

export interface Reply {
  readonly status: number;
  /** Bytes of the body. */
  readonly bytes: number;
}

/** The request as it goes over the wire, to a path below that of `url`. */
export function requestBytes(url: string, { path, headers, body }: Sent): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body) : body;
  const { host, pathname } = new URL(url);
  const lines = Object.entries({ host, ...headers, 'content-length': String(content.length) });
  const head = `POST ${pathname === '/' ? '' : pathname}${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}

/** Reads one reply after another from the bytes of a connection. */
class ReplyReader {
  readonly #onReply: (reply: Reply) => void;
  /** Bytes of a head or of a chunk's size line that is not complete yet. */
  #line = '';
  #place: 'head' | 'body' | 'chunkSize' | 'chunk' | 'trailer' = 'head';
  #left = 0;
  #status = 0;
  #bytes = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#place === 'body' || this.#place === 'chunk') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#endPiece();
      } else {
        at = this.#readLine(bytes, at);
      }
    }
  }

  /** Takes bytes up to the end of a head or line; returns the place behind them. */
  #readLine(bytes: Buffer, at: number): number {
    const end = this.#place === 'head' ? '\r\n\r\n' : '\r\n';
    const before = this.#line.length;
    const text = this.#line + bytes.toString('latin1', at, Math.min(bytes.length, at + 8192));
    const found = text.indexOf(end, Math.max(0, before - end.length));
    if (found < 0) {
      this.#line = text;
      return at + text.length - before;
    }
    this.#line = '';
    if (this.#place === 'head') this.#readHead(text.slice(0, found));
    else if (this.#place === 'chunkSize') this.#readChunkSize(text.slice(0, found));
    else this.#finish();
    return at + found + end.length - before;
  }

  #readHead(head: string): void {
    this.#status = Number(head.slice(9, 12));
    this.#bytes = 0;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`A reply has no length: ${head}`);
      this.#place = 'chunkSize';
      return;
    }
    this.#left = Number(length);
    this.#bytes = this.#left;
    this.#place = 'body';
    if (this.#left === 0) this.#endPiece();
  }

  #readChunkSize(line: string): void {
    const size = Number.parseInt(line, 16);
    this.#bytes += size;
    // The chunk ends with a line break of its own.
    this.#left = size + 2;
    this.#place = size === 0 ? 'trailer' : 'chunk';
  }

  #endPiece(): void {
    if (this.#place === 'chunk') this.#place = 'chunkSize';
    else this.#finish();
  }

  #finish(): void {
    this.#place = 'head';
    this.#onReply({ status: this.#status, bytes: this.#bytes });
  }
}

const readBytes = 2 ** 18;

/** A connection that asks again as soon as it has its reply, until it is told to stop. */
export class Connection {
  readonly #socket: Socket;
  readonly #next: () => Buffer | undefined;
  readonly #closed: Promise<void>;

  /**
   * @param next gives the bytes of the next request, or undefined when there is none
   * @param onReply told of each reply, with its latency
   */
  constructor(url: string, next: () => Buffer | undefined, onReply: (reply: Reply, latencyMs: number) => void) {
    this.#next = next;
    const { hostname, port } = new URL(url);
    let sentMs = 0;
    const reader = new ReplyReader((reply) => {
      onReply(reply, performance.now() - sentMs);
      sentMs = performance.now();
      this.#ask();
    });
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        // One buffer for all that comes, instead of a new one for every 64 KiB.
        buffer: Buffer.allocUnsafe(readBytes),
        callback: (count, buffer) => {
          reader.read(Buffer.from(buffer.buffer, buffer.byteOffset, count));
          return true;
        },
      },
    });
    this.#closed = new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.once('close', () => resolve());
    });
    this.#socket.once('connect', () => {
      sentMs = performance.now();
      this.#ask();
    });
  }

  /** Resolves when the connection has closed; rejects when it broke. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  #ask(): void {
    const bytes = this.#next();
    if (bytes === undefined) this.#socket.destroy();
    else this.#socket.write(bytes);
  }
}
