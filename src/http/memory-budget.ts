/**
 * One account of the memory that requests hold: their bodies as they lie in buffers, the numbers read from them, the
 * results of their draws, and the replies that wait for their clients, as text or bytes. However many clients there
 * are, it stays below a limit. A body counts as it arrives; Content-Length alone counts nothing.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.js';
import { whenOver } from './reply-end.js';
import { requestBuffers } from './request-buffers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's share of the budget, from its body on. */
    memory: RequestMemory;
  }
}

/**
 * An eighth of the budget is reserved for requests that hold less than this, so that large replies to slow clients keep
 * no small draw out.
 */
const smallBytesMax = 16_384;
const smallShare = 8;

function overloaded(): Problem {
  return new Problem('overloaded', 'Other requests fill the memory that this replica has for bodies and results.');
}

export class MemoryBudget {
  readonly #bytesMax: number;
  readonly #largeBytesMax: number;
  #bytes = 0;

  /** @param bytesMax bytes of all requests together */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#largeBytesMax = bytesMax - bytesMax / smallShare;
  }

  /** Bytes held by all requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a request that holds `own` bytes may hold `bytes` more; always, while no other request holds any. */
  hasRoom(bytes: number, own: number): boolean {
    const bytesMax = bytes <= smallBytesMax ? this.#bytesMax : this.#largeBytesMax;
    return this.#bytes + bytes <= bytesMax || this.#bytes === own;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/**
 * The memory of one request, until its reply has been sent or its client has disconnected. The memory of its body
 * (`take`, `holdBody`) is freed earlier, by `settle`.
 */
export class RequestMemory {
  readonly #budget: MemoryBudget;
  readonly #reply: ServerResponse;
  #bytes = 0;
  /** The part of `#bytes` that belongs to the body. */
  #bodyBytes = 0;
  #buffers: ArrayBuffer[] | undefined;
  #watched = false;
  #over = false;

  constructor(budget: MemoryBudget, reply: ServerResponse) {
    this.#budget = budget;
    this.#reply = reply;
  }

  /** Whether the client has disconnected, so that further work is useless. */
  get gone(): boolean {
    return this.#reply.destroyed;
  }

  /** Whether `hold` of this many bytes would succeed now. */
  hasRoom(bytes: number): boolean {
    return this.#budget.hasRoom(bytes, this.#bytes);
  }

  /**
   * Counts bytes that are held until the reply is over, or freed.
   *
   * @throws {Problem} `overloaded` if there is no room
   */
  hold(bytes: number): void {
    // Buffers taken after the end go to the garbage collector.
    if (this.#over) return;
    if (!this.#budget.hasRoom(bytes, this.#bytes)) throw overloaded();
    this.#add(bytes);
    if (this.#watched) return;
    this.#watched = true;
    whenOver(this.#reply, () => this.#end());
  }

  /** Frees bytes of `hold`. */
  free(bytes: number): void {
    if (!this.#over) this.#add(-bytes);
  }

  /** Counts bytes of the body, until it is settled or they are freed. Throws as `hold` does. */
  holdBody(bytes: number): void {
    this.hold(bytes);
    if (!this.#over) this.#bodyBytes += bytes;
  }

  /** Frees bytes of `holdBody`. */
  freeBody(bytes: number): void {
    if (this.#over) return;
    this.#bodyBytes -= bytes;
    this.#add(-bytes);
  }

  /**
   * A buffer of at least `bytes`, not zeroed, for the body or the numbers read from it. Throws as `hold` does.
   */
  take(bytes: number): ArrayBuffer {
    if (!this.hasRoom(bytes)) throw overloaded();
    const buffer = requestBuffers.take(bytes);
    this.#buffers ??= [];
    this.#buffers.push(buffer);
    // It may be larger than what there is room for: `settle` then gives it back.
    this.holdBody(buffer.byteLength);
    return buffer;
  }

  /** Returns a buffer of `take` to the pool. Nothing may read it any more. */
  give(buffer: ArrayBuffer): void {
    const index = this.#buffers?.indexOf(buffer) ?? -1;
    if (index < 0) return;
    this.#buffers?.splice(index, 1);
    this.freeBody(buffer.byteLength);
    requestBuffers.give(buffer);
  }

  /**
   * Frees the body and the numbers read from it. Nothing may read them any more. Without this call, their buffers go to
   * the garbage collector instead of the pool.
   */
  settle(): void {
    for (const buffer of this.#buffers ?? []) requestBuffers.give(buffer);
    this.#buffers = undefined;
    this.freeBody(this.#bodyBytes);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.add(bytes);
  }

  #end(): void {
    this.#add(-this.#bytes);
    this.#over = true;
  }
}

/** Gives every request of `app` its share of the budget. A body without room is refused before any of it is kept. */
export function budgetMemory(app: FastifyInstance, budget: MemoryBudget): void {
  app.decorateRequest('memory');
  app.addHook('preParsing', (request, reply, payload, done) => {
    request.memory = new RequestMemory(budget, reply.raw);
    const { 'content-length': length } = request.headers;
    if (length !== undefined && !request.memory.hasRoom(Number(length))) done(overloaded());
    else done(null, payload);
  });
  // The reader of the body has failed and has stopped.
  app.addHook('onError', (request, _reply, _error, done) => {
    request.memory?.settle();
    done();
  });
}
