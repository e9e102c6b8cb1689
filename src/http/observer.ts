/**
 * What http/ tells whoever counts and logs requests. observability/request-log.ts implements it; sampler/observer.ts is
 * its twin.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Problem } from '../errors.js';
import { whenOver } from './reply-end.js';

/** A request as observers see it: never its body, its headers or its key. */
export interface KnownRequest {
  readonly id: string;
  readonly method: string;
  /** The pattern of its route; undefined where none matched. */
  readonly route: string | undefined;
  /** Name of the caller's key; undefined where keys are off or not needed. */
  readonly key: string | undefined;
}

export interface HttpObserver {
  /** A request was refused; `cause` is there when the mistake is ours. */
  readonly refused: (problem: Problem, request: KnownRequest, cause?: unknown) => void;
  /** The router itself refused a request, before any hook; that was all of the request's life. */
  readonly misrouted: (request: KnownRequest, status: number) => void;
  /** Node refused what it could not read as a request. */
  readonly unread: (problem: Problem) => void;
  /** The reply of a request is out. */
  readonly answered: (request: KnownRequest, status: number, durationMs: number) => void;
  /** The client of a request left before its reply was out. */
  readonly left: (request: KnownRequest) => void;
}

export function knownRequest({ id, method, routeOptions, caller }: FastifyRequest): KnownRequest {
  return { id, method, route: routeOptions.url, key: caller?.name };
}

/** Tells the observer of the end of every request that the app sees. */
export function observeAnswers(app: FastifyInstance, observer: HttpObserver): void {
  app.addHook('onResponse', (request, reply, done) => {
    observer.answered(knownRequest(request), reply.statusCode, reply.elapsedTime);
    done();
  });
  // Fastify's own hook for this sees only clients that leave before their body is read.
  app.addHook('onRequest', (request, reply, done) => {
    whenOver(reply.raw, () => {
      if (!reply.raw.writableFinished) observer.left(knownRequest(request));
    });
    done();
  });
}
