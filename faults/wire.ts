/**
 * HTTP/1.1 from the client's side, byte by byte: a connection that sends whatever bytes it is given and reads what
 * comes back. An HTTP client library would refuse to send most of what is tried here, and would hide how a connection
 * ends.
 */
import { connect, type Socket } from 'node:net';

export interface WireReply {
  readonly status: number;
  /** Status line and headers, without the empty line. */
  readonly head: string;
  readonly body: Buffer;
}

const headerPatterns = new Map<string, RegExp>();

/** A header of a reply, or undefined. */
export function headerOf({ head }: WireReply, name: string): string | undefined {
  let pattern = headerPatterns.get(name);
  if (!pattern) {
    pattern = new RegExp(`^${name}:[ \t]*(.*?)\r?$`, 'im');
    headerPatterns.set(name, pattern);
  }
  return pattern.exec(head)?.[1];
}

const headBytesMax = 65_536;

/** Reads one reply after another; keeps what has not been read yet. */
export class ReplyReader {
  /** Whether the next reply is to a HEAD request, and so has no body whatever its Content-Length says. */
  headOnly = false;
  /** Whether the service has said that no more will come, which ends a body without a length. */
  ended = false;
  #pending: Buffer = Buffer.alloc(0);
  /** What `pending` lies in, with room behind it, once it is more than one piece. */
  #memory: Buffer | undefined;

  get empty(): boolean {
    return this.#pending.length === 0;
  }

  /** What no reply has been read from yet. */
  get rest(): string {
    return this.#pending.toString('latin1');
  }

  push(bytes: Buffer): void {
    if (this.#pending.length === 0) {
      this.#pending = bytes;
      this.#memory = undefined;
      return;
    }
    const length = this.#pending.length + bytes.length;
    let start = this.#memory === undefined ? 0 : this.#pending.byteOffset - this.#memory.byteOffset;
    if (this.#memory === undefined || start + length > this.#memory.length) {
      // Twice as large each time: a reply of megabytes comes in hundreds of pieces.
      this.#memory = Buffer.allocUnsafe(2 * length);
      this.#pending.copy(this.#memory);
      start = 0;
    }
    bytes.copy(this.#memory, start + length - bytes.length);
    this.#pending = this.#memory.subarray(start, start + length);
  }

  /**
   * The next reply, if all of it is there.
   *
   * @throws {Error} when the bytes are no HTTP reply
   */
  next(): WireReply | undefined {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#pending.length > headBytesMax) throw new Error('The head of a reply does not end');
      return undefined;
    }
    const head = this.#pending.toString('latin1', 0, end);
    const status = /^HTTP\/1\.1 ([1-5]\d\d) /.exec(`${head} `)?.[1];
    if (status === undefined) throw new Error(`A reply has no status line: ${JSON.stringify(head.slice(0, 100))}`);
    const reply = { status: Number(status), head };
    const body = this.#body(reply, end + 4);
    if (!body) return undefined;
    this.#pending = this.#pending.subarray(body.end);
    // 100 Continue is not the answer yet.
    return reply.status < 200 ? this.next() : { ...reply, body: body.bytes };
  }

  #body(reply: Omit<WireReply, 'body'>, start: number): { bytes: Buffer; end: number } | undefined {
    const empty = { bytes: Buffer.alloc(0), end: start };
    if (this.headOnly || reply.status < 200 || reply.status === 204 || reply.status === 304) return empty;
    const withoutBody = { ...reply, body: empty.bytes };
    if (/chunked/i.test(headerOf(withoutBody, 'transfer-encoding') ?? '')) return this.#chunks(start);
    const length = headerOf(withoutBody, 'content-length');
    if (length === undefined) return this.#untilEnd(withoutBody, start);
    const end = start + Number(length);
    return this.#pending.length < end ? undefined : { bytes: this.#pending.subarray(start, end), end };
  }

  /** HTTP/1.0 knows no chunks: a reply whose length is not known yet ends with its connection. */
  #untilEnd(reply: WireReply, start: number): { bytes: Buffer; end: number } | undefined {
    if (headerOf(reply, 'connection')?.toLowerCase() !== 'close') {
      throw new Error(`A reply has no length: ${JSON.stringify(reply.head)}`);
    }
    const end = this.#pending.length;
    return this.ended ? { bytes: this.#pending.subarray(start), end } : undefined;
  }

  #chunks(start: number): { bytes: Buffer; end: number } | undefined {
    const pieces: Buffer[] = [];
    let at = start;
    for (;;) {
      const lineEnd = this.#pending.indexOf('\r\n', at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(this.#pending.toString('latin1', at, lineEnd), 16);
      if (Number.isNaN(size)) throw new Error('A chunk of a reply has no size');
      const from = lineEnd + 2;
      if (this.#pending.length < from + size + 2) return undefined;
      if (size === 0) return { bytes: Buffer.concat(pieces), end: from + 2 };
      pieces.push(this.#pending.subarray(from, from + size));
      at = from + size + 2;
    }
  }
}

/** How a request ended: with a reply, or with a connection that closed or broke before one came. */
export type Answer = WireReply | { readonly closed: string };

export function isReply(answer: Answer): answer is WireReply {
  return 'status' in answer;
}

/** One connection to the service on the loopback address; one request at a time. */
export class WireConnection {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  #waiting: ((answer: Answer) => void) | undefined;
  #closedBy: string | undefined;
  #reusable = true;
  #stalled: (() => void) | undefined;
  /** Resolves once the connection has closed. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('end', () => {
      // Where the client has ended first, the service may have cut off a reply that ends with its connection.
      this.#reader.ended = !this.#socket.writableEnded;
      if (!this.#reader.empty) this.#read(Buffer.alloc(0));
      this.#end('the service closed the connection');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#end('the connection closed');
        resolve();
      });
    });
  }

  /** @throws {NodeJS.ErrnoException} such as ECONNREFUSED, as a rejection: then nothing has been sent */
  static open(port: number): Promise<WireConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new WireConnection(socket));
      });
    });
  }

  /** Whether another request may be sent: nothing has closed it, and no reply said Connection: close. */
  get reusable(): boolean {
    return this.#reusable && this.#closedBy === undefined;
  }

  /** Sends `bytes` and waits for one reply. Never rejects: a connection that closes is an answer too. */
  request(bytes: Buffer | string, { headOnly = false } = {}): Promise<Answer> {
    if (this.#waiting) throw new Error('A connection was asked twice at once. This is a bug.');
    this.#reader.headOnly = headOnly;
    if (this.#closedBy !== undefined) return Promise.resolve({ closed: this.#closedBy });
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#socket.write(bytes);
    });
  }

  /** Sends more bytes, without waiting for anything. */
  write(bytes: Buffer | string): void {
    if (this.#closedBy === undefined) this.#socket.write(bytes);
  }

  /**
   * From now on reads no more than the beginning of a reply, so that the rest piles up on the service's side. Resolves
   * when a reply has begun that is longer than what came at once.
   */
  stallAtReply(): Promise<void> {
    return new Promise((resolve) => {
      this.#stalled = resolve;
    });
  }

  /** Tells the service that nothing more will be sent; replies can still come. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#end('the client closed the connection');
    this.#socket.destroy();
  }

  /** Closes the connection at once, with a reset. */
  reset(): void {
    this.#end('the client reset the connection');
    this.#socket.resetAndDestroy();
  }

  #read(bytes: Buffer): void {
    this.#reader.push(bytes);
    if (!this.#waiting) {
      // A reply that nobody asked for: the connection cannot be trusted with another request.
      this.#reusable = false;
      return;
    }
    try {
      const reply = this.#reader.next();
      if (!reply) {
        if (this.#stalled) this.#socket.pause();
        this.#stalled?.();
        return;
      }
      if (/close/i.test(headerOf(reply, 'connection') ?? '') || !this.#reader.empty) this.#reusable = false;
      this.#settle(reply);
    } catch (error) {
      this.#reusable = false;
      this.#settle({ closed: `no HTTP: ${(error as Error).message}` });
      this.#socket.destroy();
    }
  }

  #end(reason: string): void {
    this.#closedBy ??= reason;
    this.#settle({ closed: this.#closedBy });
    this.#socket.end();
  }

  #settle(answer: Answer): void {
    const settle = this.#waiting;
    this.#waiting = undefined;
    settle?.(answer);
  }
}
