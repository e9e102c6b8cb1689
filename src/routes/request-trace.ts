/** The steps of a traced request between its headers and its reply. */
import type { FastifyInstance } from 'fastify';
import { type RequestSpan, type RequestTracer, serverTimingHeader } from '../http/request-span.js';
import type { DrawTrace } from '../sampler/draw-trace.js';
import type { Job } from '../sampler/job.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined unless the request is recorded. */
    trace: RequestTrace | undefined;
  }
}

export interface RequestTrace extends DrawTrace {
  /** The body has been parsed and validated, and this is what it asks for. */
  readonly parsed: (job: Job) => void;
  /** The result is complete. */
  readonly drawn: () => void;
  /** The reply's text is complete. */
  readonly printed: () => void;
}

export interface RouteTracer extends RequestTracer {
  readonly start: (...request: Parameters<RequestTracer['start']>) => (RequestSpan & RequestTrace) | undefined;
}

/** Traces every route that is registered on `app` from now on, from before its key is asked for. */
export function traceRoutes(app: FastifyInstance, tracer: RouteTracer): void {
  app.addHook('onRoute', (route) => {
    const start: typeof route.onRequest = (request, reply, done) => {
      const span = tracer.start(request.raw, route.url);
      if (span !== undefined) {
        request.trace = span;
        reply.header(serverTimingHeader, span.serverTiming);
      }
      done();
    };
    route.onRequest = [start, route.onRequest ?? []].flat();
  });
}
