/** Refuses a draw before its body is read while the queue is full for any: what is refused should cost as little as it can. */
import type { FastifyInstance } from 'fastify';
import type { Sampler } from '../sampler/sampler.js';

/** For every route of `app`; after its hooks onRequest, so that a caller without a key hears of that first. */
export function refuseWhenFull(app: FastifyInstance, sampler: Sampler): void {
  app.addHook('preParsing', (_request, _reply, payload, done) => {
    const refusal = sampler.refusal();
    // Handed over and not thrown, since V8 notes of each throw where it was.
    if (refusal) done(refusal);
    else done(null, payload);
  });
}
