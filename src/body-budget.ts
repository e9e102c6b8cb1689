/**
 * A budget for what all requests keep in memory together, bodies and results: however many clients send or ask for however much at once,
 * it stays below a limit. A body counts as it arrives, so that one that is only announced, or slow, takes no room from others.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, RequestPayload } from 'fastify';
import { Problem } from './errors.js';
import { whenOver } from './reply-end.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request keeps of the budget, from its body on. */
    kept: Kept;
  }
}

/** Bodies and results this small are not counted: CONNECTIONS_MAX of them are 16 MiB. */
const countedBytesMin = 16_384;

export function overloaded(): Problem {
  return new Problem('overloaded', 'Other requests fill the memory that this replica has for bodies and results.');
}

export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of bodies and results that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is room for `bytes` more of a request that keeps `own`; always, while no other keeps any. */
  hasRoom(bytes: number, own: number): boolean {
    return this.#bytes === own || this.#bytes + bytes <= this.#bytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** The bytes of one request, until its reply is out or its client gone. */
export class Kept {
  readonly #budget: BodyBudget;
  readonly #reply: ServerResponse;
  #bytes = 0;
  #over = false;

  constructor(budget: BodyBudget, reply: ServerResponse) {
    this.#budget = budget;
    this.#reply = reply;
  }

  /** Whether so many bytes more would be let in now. */
  hasRoom(bytes: number): boolean {
    return bytes < countedBytesMin || this.#budget.hasRoom(bytes, this.#bytes);
  }

  /** Counts bytes if there is room for them. */
  take(bytes: number): boolean {
    // What arrives after the end is thrown away.
    if (this.#over) return true;
    if (!this.#budget.hasRoom(bytes, this.#bytes)) return false;
    const first = this.#bytes === 0;
    this.#bytes += bytes;
    this.#budget.add(bytes);
    if (first) whenOver(this.#reply, () => this.#end());
    return true;
  }

  /**
   * Makes room for a result.
   *
   * @throws {Problem} `overloaded`
   */
  takeResult(bytes: number): void {
    if (bytes >= countedBytesMin && !this.take(bytes)) throw overloaded();
  }

  #end(): void {
    this.#over = true;
    this.#budget.add(-this.#bytes);
  }
}

/** Counts a body as it arrives; when it is too much, its parser hears of it as an error of the body. */
function countChunks(kept: Kept, payload: RequestPayload): void {
  const count = (chunk: Buffer) => {
    if (kept.take(chunk.length)) return;
    payload.off('data', count);
    // Once the parser has had this chunk too: it may just have refused the body or seen its end, and then nobody listens.
    queueMicrotask(() => {
      if (payload.listenerCount('error') > 0) payload.emit('error', overloaded());
    });
  };
  payload.on('data', count);
}

/** Counts the bodies of every route of `app`; what cannot be let in anyway is refused before a byte of it is kept. */
export function budgetBodies(app: FastifyInstance, budget: BodyBudget): void {
  app.decorateRequest('kept');
  app.addHook('preParsing', (request, reply, payload, done) => {
    request.kept = new Kept(budget, reply.raw);
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const declared = length === undefined ? undefined : Number(length);
    if (declared !== undefined && !request.kept.hasRoom(declared)) {
      done(overloaded());
      return;
    }
    const counted = declared === undefined ? encoding !== undefined : declared >= countedBytesMin;
    if (counted) countChunks(request.kept, payload);
    done(null, payload);
  });
}
