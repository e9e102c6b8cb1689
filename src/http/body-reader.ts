/**
 * Reads a body into one buffer, from the chunks as they arrive. Content-Length alone allocates nothing: the buffer is
 * at most sixteen times as large as the bytes that have arrived, and never larger than the body's limit.
 */
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import { connectionOf } from './connection.js';

export interface BodyLimits {
  readonly bytesMax: number;
  /**
   * Offset in the body that must be aligned to eight bytes in memory. If it is undefined, a body of one chunk is not
   * copied.
   */
  readonly alignedFrom?: number | undefined;
}

/**
 * Called once, with an error or the bytes of the body. A body of several chunks is in a buffer of the request's memory.
 */
export type BodyRead = (error: Error | null, bytes?: Buffer) => void;

/** The largest element of a tensor. */
const alignment = 8;

/** Least size of the buffer of a body of several chunks. */
const firstBytes = 2 ** 16;

/** Until Content-Length is trusted, the buffer is at most this many times as large as the bytes that have arrived. */
const growth = 16;

/** Bytes after which Content-Length is trusted. */
const trustedBytes = 2 ** 20;

/** A small body is parsed at once, into arrays of up to two bytes for each of its bytes; both count. */
const smallBytesMax = 2 ** 16;
const smallFactor = 3;

/** Size of the buffer once `received` bytes have arrived. */
function sizeFor(received: number, declared: number, bytesMax: number): number {
  // A chunked body declares no length.
  if (Number.isNaN(declared)) return Math.min(Math.max(firstBytes, 2 * received), bytesMax);
  return received >= trustedBytes ? declared : Math.min(Math.max(firstBytes, growth * received), declared);
}

class BodyReader {
  readonly #request: FastifyRequest;
  readonly #bytesMax: number;
  readonly #copied: boolean;
  readonly #pad: number;
  /** NaN for a chunked body. */
  readonly #declared: number;
  /** The only chunk so far. */
  #first: Buffer | undefined;
  #firstCounted = 0;
  #buffer: Buffer | undefined;
  #length = 0;

  constructor(request: FastifyRequest, { bytesMax, alignedFrom }: BodyLimits) {
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#copied = alignedFrom !== undefined;
    this.#pad = (alignment - ((alignedFrom ?? 0) % alignment)) % alignment;
    this.#declared = Number(request.headers['content-length'] ?? Number.NaN);
    if (this.#declared > bytesMax) throw this.#tooLarge();
  }

  /** Adds a chunk whose memory is not reused. */
  add(chunk: Buffer): void {
    if (this.#length > 0 || this.#copied || chunk.length > this.#bytesMax) {
      this.copy(chunk);
      return;
    }
    this.#firstCounted = chunk.length <= smallBytesMax ? smallFactor * chunk.length : chunk.length;
    this.#request.memory.holdBody(this.#firstCounted);
    this.#first = chunk;
    this.#length = chunk.length;
  }

  /** Adds a chunk that is overwritten once this returns. */
  copy(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (length > this.#bytesMax) throw this.#tooLarge();
    this.#append(chunk);
    this.#length = length;
  }

  /** @throws {Problem} `bad-request` if the length of the body is not its Content-Length */
  bytes(): Buffer {
    if (this.#length !== this.#declared && !Number.isNaN(this.#declared)) {
      throw new Problem('bad-request', `Content-Length is ${this.#declared}, but the body has ${this.#length} bytes.`);
    }
    if (this.#first) return this.#first;
    return this.#buffer?.subarray(this.#pad, this.#pad + this.#length) ?? Buffer.alloc(0);
  }

  #tooLarge(): Problem {
    return new Problem('body-too-large', `The body has more than ${this.#bytesMax} bytes.`);
  }

  #append(chunk: Buffer): void {
    const end = this.#pad + this.#length;
    if (this.#buffer === undefined || end + chunk.length > this.#buffer.length) this.#grow(this.#length + chunk.length);
    chunk.copy(this.#buffer as Buffer, end);
  }

  #grow(received: number): void {
    const { memory } = this.#request;
    const size = Math.max(sizeFor(received, this.#declared, this.#bytesMax), received);
    const larger = Buffer.from(memory.take(this.#pad + size));
    if (this.#first) {
      this.#first.copy(larger, this.#pad);
      memory.freeBody(this.#firstCounted);
      this.#first = undefined;
    } else if (this.#buffer) {
      this.#buffer.copy(larger, 0, 0, this.#pad + this.#length);
      memory.give(this.#buffer.buffer as ArrayBuffer);
    }
    this.#buffer = larger;
  }
}

/**
 * Reads the body of a request. Errors are Problems: `body-too-large`, `bad-request` when it ends too early,
 * `overloaded` when there is no memory for it.
 */
export function readBody(request: FastifyRequest, payload: Readable, limits: BodyLimits, done: BodyRead): void {
  let reader: BodyReader;
  try {
    reader = new BodyReader(request, limits);
  } catch (error) {
    done(error as Error);
    return;
  }
  let over = false;
  const stop = () => {
    over = true;
    payload.off('data', keep).off('end', finish).off('error', fail);
  };
  const take = (add: (chunk: Buffer) => void, chunk: Buffer) => {
    if (over) return;
    try {
      add(chunk);
    } catch (error) {
      stop();
      done(error as Error);
    }
  };
  const keep = (chunk: Buffer) => take((own) => reader.add(own), chunk);
  const copy = (chunk: Buffer) => take((passing) => reader.copy(passing), chunk);
  const finish = () => {
    stop();
    let bytes: Buffer;
    try {
      bytes = reader.bytes();
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null, bytes);
  };
  const fail = (error: Error) => {
    stop();
    done(
      error instanceof Problem ? error : new Problem('bad-request', 'The body ended before its length was reached.'),
    );
  };
  connectionOf(request.raw.socket)?.askForBody(request.raw);
  const direct = payload === request.raw && connectionOf(request.raw.socket)?.takeBody(request.raw, copy);
  if (!direct) payload.on('data', keep);
  payload.on('end', finish).on('error', fail);
  payload.resume();
}
