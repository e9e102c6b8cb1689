/**
 * One account of the memory that requests hold: their bodies as they lie in buffers, the numbers read from them, the
 * results of their draws, and the replies that wait for their clients, as text or bytes. However many clients there
 * are, it stays below a limit. What is only announced takes no room: a body counts as it arrives.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.js';
import { whenOver } from './reply-end.js';
import { requestBuffers } from './request-buffers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request holds of the budget, from its body on. */
    memory: RequestMemory;
  }
}

/**
 * An eighth of the budget is for those who ask for so little at a time, so that a few large replies that nobody reads
 * keep no small draw out.
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

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is room for `bytes` more of a request that holds `own`; always, while no other holds any. */
  hasRoom(bytes: number, own: number): boolean {
    const bytesMax = bytes <= smallBytesMax ? this.#bytesMax : this.#largeBytesMax;
    return this.#bytes + bytes <= bytesMax || this.#bytes === own;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/**
 * What one request holds, until its reply is out or its client gone. The parts that come from its body (`take`,
 * `holdBody`) are given back earlier, once nothing reads them (`settle`).
 */
export class RequestMemory {
  readonly #budget: MemoryBudget;
  readonly #reply: ServerResponse;
  #bytes = 0;
  /** Those of `#bytes` that come from the body. */
  #bodyBytes = 0;
  #buffers: ArrayBuffer[] | undefined;
  #watched = false;
  #over = false;

  constructor(budget: MemoryBudget, reply: ServerResponse) {
    this.#budget = budget;
    this.#reply = reply;
  }

  /** Whether the client has gone, so that nothing more need be done for it. */
  get gone(): boolean {
    return this.#reply.destroyed;
  }

  /** Whether so many bytes more would be let in now. */
  hasRoom(bytes: number): boolean {
    return this.#budget.hasRoom(bytes, this.#bytes);
  }

  /**
   * Counts bytes that are held until the reply is over, or freed.
   *
   * @throws {Problem} `overloaded` where there is no room
   */
  hold(bytes: number): void {
    // What is taken after the end is given to the garbage collector.
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
   * A buffer of at least `bytes` for the body or what is read from it, which may hold anything. Throws as `hold` does.
   */
  take(bytes: number): ArrayBuffer {
    if (!this.hasRoom(bytes)) throw overloaded();
    const buffer = requestBuffers.take(bytes);
    this.holdBody(buffer.byteLength);
    this.#buffers ??= [];
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Gives a buffer of `take` back that nothing reads any more. */
  give(buffer: ArrayBuffer): void {
    const index = this.#buffers?.indexOf(buffer) ?? -1;
    if (index < 0) return;
    this.#buffers?.splice(index, 1);
    this.freeBody(buffer.byteLength);
    requestBuffers.give(buffer);
  }

  /**
   * Says that nothing reads the body, or what was read from it, any more. Where nobody says so, the garbage collector
   * has its buffers.
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

/**
 * Gives every request of `app` its part of the budget; a body that cannot be let in is refused before a byte of it is
 * kept.
 */
export function budgetMemory(app: FastifyInstance, budget: MemoryBudget): void {
  app.decorateRequest('memory');
  app.addHook('preParsing', (request, reply, payload, done) => {
    request.memory = new RequestMemory(budget, reply.raw);
    const { 'content-length': length } = request.headers;
    if (length !== undefined && !request.memory.hasRoom(Number(length))) done(overloaded());
    else done(null, payload);
  });
  // Whoever read the body has failed, and does not go on.
  app.addHook('onError', (request, _reply, _error, done) => {
    request.memory?.settle();
    done();
  });
}
