/**
 * A budget for the bodies of all requests together: however many clients send however much at once, what is held of it stays below a
 * limit, and who comes too late is told so before a byte of the body is kept.
 */
import { Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './errors.js';

/** Bodies this small are not counted: CONNECTIONS_MAX of them are 16 MiB. */
const countedBytesMin = 16_384;

function overloaded(): Problem {
  return new Problem('overloaded', 'The bodies of other requests fill the memory that this replica has for them.');
}

export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of bodies that are being read or drawn from. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes `bytes` if there are so many left. */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < 0) throw new Error('More bytes of bodies were released than reserved. This is a bug.');
  }
}

/** The length a request declares; undefined for a chunked body. */
function declaredBytes({ headers }: FastifyRequest): number | undefined {
  return headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
}

/** Counts the bodies of every route of `app`, from their headers until their replies are out or their clients gone. */
export function budgetBodies(app: FastifyInstance, budget: BodyBudget): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const declared = declaredBytes(request);
    if (declared !== undefined && declared < countedBytesMin) {
      done(null, payload);
      return;
    }
    let reserved = 0;
    const take = (bytes: number) => {
      if (!budget.reserve(bytes)) return false;
      reserved += bytes;
      return true;
    };
    reply.raw.once('close', () => {
      budget.release(reserved);
      reserved = 0;
    });
    if (declared !== undefined) {
      if (take(declared)) done(null, payload);
      else done(overloaded());
      return;
    }
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, next) => (take(chunk.length) ? next(null, chunk) : next(overloaded())),
    });
    payload.once('error', (error) => counted.destroy(error));
    done(null, payload.pipe(counted));
  });
}
