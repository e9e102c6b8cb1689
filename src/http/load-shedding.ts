/**
 * Load shedding: refuses draws of a caller whose queue is full, before Fastify handles them. Through Fastify and its
 * hooks a refusal runs much more code. V8 has not compiled that code on a replica that has never refused, so the first
 * hundreds of refusals would be late.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Problem } from '../errors.js';
import { type HttpObserver, KnownRequest } from './observer.js';
import type { ProblemWriter } from './problem-writer.js';
import { whenOver } from './reply-end.js';
import { flawOf } from './request-form.js';
import { requestIdOf } from './request-id.js';
import { type RequestTracer, serverTimingHeader } from './request-span.js';
import type { RouteTable } from './route-table.js';

export interface LoadSheddingParts {
  /** Whether any caller could be refused now. Called for every request, so it must be cheap. */
  readonly mayRefuse: () => boolean;
  /** The problem for a draw of this caller; undefined if it is let in. */
  readonly refusal: (caller: object) => Problem | undefined;
  /** The routes that draw. */
  readonly draws: RouteTable;
  /** The caller by the value of the header Authorization; undefined if a key is needed and this is none. */
  readonly callerOf: (authorization: string | undefined) => { readonly name: string | undefined } | undefined;
  readonly problems: ProblemWriter;
  readonly observer: Pick<HttpObserver, 'refused' | 'answered'>;
  /** Undefined while tracing is off. */
  readonly tracer?: RequestTracer | undefined;
}

/** Wraps `handle`, which gets every request that is not refused. */
export function refuseWhenFull(handle: RequestListener, parts: LoadSheddingParts): RequestListener {
  const { mayRefuse, refusal, draws, callerOf } = parts;
  return (request, reply) => {
    const isAsked = request.method === 'POST' && mayRefuse();
    // Other errors come first: no such route, no key, bad HTTP.
    const route = isAsked && flawOf(request) === undefined ? draws.find(request.url as string)?.url : undefined;
    const caller = route === undefined ? undefined : callerOf(request.headers.authorization);
    // Without keys, a caller is a connection, as in routes/terms.ts.
    const problem = caller && refusal(caller.name === undefined ? request.socket : caller);
    if (!problem) return handle(request, reply);
    refuse(problem, new KnownRequest(request, requestIdOf(request), 'POST', route, caller.name), request, reply, parts);
  };
}

function refuse(
  problem: Problem,
  known: KnownRequest,
  request: IncomingMessage,
  reply: ServerResponse,
  { problems, observer, tracer }: LoadSheddingParts,
): void {
  const span = tracer?.start(request, known.route as string);
  if (span) reply.setHeader(serverTimingHeader, span.serverTiming);
  const startedAtMs = performance.now();
  // No other reply of the connection is in front of it, so it is sent at once.
  whenOver(reply, () => observer.answered(known, reply.statusCode, performance.now() - startedAtMs));
  observer.refused(problem, known);
  problems.end(problem, known.id, request, reply);
}
