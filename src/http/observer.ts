/**
 * The events of http/ for metrics and logs. observability/request-log.ts implements the interface; sampler/observer.ts
 * has the events of the sampler.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Problem } from '../errors.js';
import { whenOver } from './reply-end.js';
import { dropSpan, type RequestSpan, spanOf, traceOf } from './request-span.js';
import type { TraceIds } from './trace-context.js';

/** A request as observers see it: never its body, its headers or its key. */
export class KnownRequest {
  readonly id: string;
  readonly method: string;
  /** The pattern of its route; undefined if none matched. */
  readonly route: string | undefined;
  /** Name of the caller's key; undefined if keys are off or not needed. */
  readonly key: string | undefined;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage, id: string, method: string, route: string | undefined, key?: string) {
    this.id = id;
    this.method = method;
    this.route = route;
    this.key = key;
    this.#message = message;
  }

  /** The trace that it belongs to; undefined if it has none. Read from its headers when it is asked for. */
  get trace(): TraceIds | undefined {
    return traceOf(this.#message);
  }

  /** Undefined while tracing is off, for routes that do not draw, and once it has ended. */
  get span(): RequestSpan | undefined {
    return spanOf(this.#message);
  }

  /** The request is over: ends its span, if there is one. */
  endSpan(status: number): void {
    const span = this.span;
    if (span === undefined) return;
    span.ended(this, status);
    dropSpan(this.#message);
  }
}

export interface HttpObserver {
  /** A request was refused. `cause` is the error behind an `internal` problem. */
  readonly refused: (problem: Problem, request: KnownRequest, cause?: unknown) => void;
  /** Fastify's router refused a request before any hook; no other event follows. */
  readonly misrouted: (request: KnownRequest, status: number) => void;
  /** Node could not parse a request, and it was refused. `message` is the request if its headers could be parsed. */
  readonly unread: (problem: Problem, message: IncomingMessage | undefined) => void;
  /** The reply of a request has been sent. */
  readonly answered: (request: KnownRequest, status: number, durationMs: number) => void;
  /** The client of a request disconnected before its reply had been sent. */
  readonly left: (request: KnownRequest) => void;
}

export function knownRequest({ raw, id, method, routeOptions, caller }: FastifyRequest): KnownRequest {
  return new KnownRequest(raw, id, method, routeOptions.url, caller?.name);
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
