/**
 * The span of a request that is recorded. http/ keeps it with the request and tells it what becomes of the request;
 * observability/tracing/ makes it.
 */
import type { IncomingMessage } from 'node:http';
import type { Problem } from '../errors.js';
import type { KnownRequest } from './observer.js';
import { type TraceIds, traceParentOf } from './trace-context.js';

export interface RequestSpan extends TraceIds {
  /** The value of the reply's header server-timing. */
  readonly serverTiming: string;
  /** The request was refused. Its reply has not ended yet. */
  readonly refused: (problem: Problem) => void;
  /** The reply has been sent, or the client has left. */
  readonly ended: (request: KnownRequest, status: number) => void;
}

export interface RequestTracer {
  /**
   * Starts the span of a request of a route that draws, and keeps it with the request. Undefined if the request is not
   * recorded.
   */
  readonly start: (message: IncomingMessage, route: string) => RequestSpan | undefined;
}

/** Tells the client which span of which trace its request was: https://www.w3.org/TR/server-timing/. */
export const serverTimingHeader = 'server-timing';

/** Not in the messages: a property that few of them have would slow what reads their others (docs/benchmarks.md). */
const spans = new WeakMap<IncomingMessage, RequestSpan>();

export function keepSpan(message: IncomingMessage, span: RequestSpan): void {
  spans.set(message, span);
}

export function spanOf(message: IncomingMessage): RequestSpan | undefined {
  return spans.get(message);
}

/** Forgets the span once it has ended. V8 would keep it until it marks the whole heap, dead as its message may be. */
export function dropSpan(message: IncomingMessage): void {
  spans.delete(message);
}

/** The service's own span of the request if it is recorded, else the caller's; undefined if it belongs to no trace. */
export function traceOf(message: IncomingMessage): TraceIds | undefined {
  return spanOf(message) ?? traceParentOf(message);
}
