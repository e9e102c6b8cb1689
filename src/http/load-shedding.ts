/**
 * Refuses draws of a caller for whom the queue is full, before the app hears of them. As a request like any other, with
 * its hooks, a refusal takes so much code that a replica which has never refused before, and has none of it compiled,
 * answers the first hundreds of a storm late.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Problem } from '../errors.js';
import type { HttpObserver, KnownRequest } from './observer.js';
import type { ProblemWriter } from './problem-writer.js';
import { whenOver } from './reply-end.js';
import { flawOf } from './request-form.js';
import { requestIdOf } from './request-id.js';
import type { RouteTable } from './route-table.js';

export interface LoadSheddingParts {
  /** Whether `refusal` could be there for anybody; asked of every request. */
  readonly mayRefuse: () => boolean;
  /** The problem of whatever a caller sends now. */
  readonly refusal: (caller: object) => Problem | undefined;
  /** The routes that draw. */
  readonly draws: RouteTable;
  /** Who asks, by the value of the header Authorization; undefined for whoever may not, where keys are needed. */
  readonly callerOf: (authorization: string | undefined) => { readonly name: string | undefined } | undefined;
  readonly problems: ProblemWriter;
  readonly observer: Pick<HttpObserver, 'refused' | 'answered'>;
}

/** In front of `handle`, which has all requests that are not refused here. */
export function refuseWhenFull(handle: RequestListener, parts: LoadSheddingParts): RequestListener {
  const { mayRefuse, refusal, draws, callerOf } = parts;
  return (request, reply) => {
    const isAsked = request.method === 'POST' && mayRefuse();
    // Requests that have another mistake hear of that: no such route, no key, bad HTTP.
    const route = isAsked && flawOf(request) === undefined ? draws.find(request.url as string)?.url : undefined;
    const caller = route === undefined ? undefined : callerOf(request.headers.authorization);
    // Without keys a connection is a caller, as in the terms of a draw.
    const problem = caller && refusal(caller.name === undefined ? request.socket : caller);
    if (!problem) return handle(request, reply);
    refuse(problem, { id: requestIdOf(request), method: 'POST', route, key: caller.name }, request, reply, parts);
  };
}

function refuse(
  problem: Problem,
  known: KnownRequest,
  request: IncomingMessage,
  reply: ServerResponse,
  { problems, observer }: LoadSheddingParts,
): void {
  const startedAtMs = performance.now();
  // It waits behind no other reply, so it is out as soon as its client takes it.
  whenOver(reply, () => observer.answered(known, reply.statusCode, performance.now() - startedAtMs));
  observer.refused(problem, known);
  problems.end(problem, known.id, request, reply);
}
