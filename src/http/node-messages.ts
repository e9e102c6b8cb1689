/** Node's classes of requests and replies, with limits that Node does not have. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from '../errors.js';

/** Pieces of a body that may have any size. */
const piecesMin = 1024;

/**
 * Least average size of more pieces, in bytes. Each piece costs time and memory, however small it is. A piece is a
 * chunk, or a part of one if a read ends inside it, so chunks of twice this size are always accepted. Clients that
 * stream send buffers of 100 bytes to 64 KiB.
 */
const pieceBytesMin = 32;

/** Node discards an unread body up to this length, and the connection stays open. */
const shortBytesMax = 2 ** 16;

/** A request whose body fails if it arrives in absurdly small pieces. */
export class Request extends IncomingMessage {
  #pieces = 0;
  #bytes = 0;

  /** Whether its body came in too small pieces; the rest of it is not parsed. */
  get refused(): boolean {
    return this.#pieces < 0;
  }

  override push(piece: Buffer | null): boolean {
    if (piece === null) return super.push(null);
    if (this.#pieces < 0) return false;
    this.#pieces += 1;
    this.#bytes += piece.length;
    if (this.#pieces <= piecesMin || this.#bytes >= this.#pieces * pieceBytesMin) return super.push(piece);
    this.#pieces = -1;
    const detail =
      `The body comes in pieces of less than ${pieceBytesMin} bytes on average. ` +
      `Send chunks of at least ${2 * pieceBytesMin} bytes, or Content-Length and the body at once.`;
    // The reader of the body replies with this error. Without a reader, the request has already been answered.
    if (this.listenerCount('error') > 0) this.emit('error', new Problem('bad-request', detail));
    return false;
  }
}

/** A reply that closes its connection if reading the rest of the request's body would cost more than a reconnect. */
export class Reply extends ServerResponse<Request> {
  override writeHead(status: number, ...rest: never[]): this {
    const { complete, headers } = this.req;
    if (
      !complete &&
      (headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > shortBytesMax)
    ) {
      this.shouldKeepAlive = false;
    }
    return super.writeHead(status, ...rest);
  }
}
