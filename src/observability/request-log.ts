/**
 * Counts and logs requests: a count by route and status, a count of error replies by code, a log line for each reply of
 * 5xx, and with LOG_LEVEL=debug a line for each request. Lines carry the request id and the trace, and never a body,
 * header or key. An overload refuses thousands of requests a second, so it gets one line a second, with the number of
 * refusals since the last one.
 */
import type { Logger } from 'pino';
import { type Problem, problemKind } from '../errors.js';
import type { HttpObserver, KnownRequest } from '../http/observer.js';
import { clientClosedRequest, type Metrics } from './metrics.js';

/** The fields of every line about a request. */
function lineOf({ id, method, route, key, trace }: KnownRequest) {
  return { request_id: id, trace_id: trace?.traceId, span_id: trace?.spanId, method, route, key };
}

/** How often a refusal for overload is logged. */
const overloadLineMs = 1000;

export function observeRequests(metrics: Metrics, logger: Logger): HttpObserver {
  const logsAnswers = logger.isLevelEnabled('debug');
  let overloadLineAtMs = Number.NEGATIVE_INFINITY;
  let overloadsUnlogged = 0;
  /** Counts a refusal. Returns how many refusals its log line stands for; 0 if it gets no line. */
  const countOverload = () => {
    overloadsUnlogged += 1;
    if (performance.now() - overloadLineAtMs < overloadLineMs) return 0;
    const requests = overloadsUnlogged;
    overloadLineAtMs = performance.now();
    overloadsUnlogged = 0;
    return requests;
  };
  const refused = (problem: Problem, request: KnownRequest, cause?: unknown) => {
    const { code, message } = problem;
    const { status } = problemKind(code);
    metrics.refused(code, request.method === 'POST');
    if (cause !== undefined) {
      logger.error(
        { ...lineOf(request), status, code, err: cause },
        'a request failed because of a bug in the service',
      );
    } else if (code === 'overloaded') {
      const requests = countOverload();
      if (requests === 0) return;
      const line = { ...lineOf(request), status, code, detail: message, requests };
      logger.warn(line, 'requests were refused: this one, and others since the last such line');
    } else if (status >= 500) {
      logger.warn({ ...lineOf(request), status, code, detail: message }, 'a request was refused');
    }
  };
  return {
    refused,
    misrouted: ({ method, route }, status) => metrics.answered({ method, route, status, durationMs: undefined }),
    unread: ({ code }) => {
      metrics.refused(code, false);
      const { status } = problemKind(code);
      metrics.answered({ method: undefined, route: undefined, status, durationMs: undefined });
    },
    answered: (request, status, durationMs) => {
      const { method, route } = request;
      metrics.answered({ method, route, status, durationMs });
      if (logsAnswers) logger.debug({ ...lineOf(request), status, durationMs }, 'request answered');
    },
    left: ({ method, route }) =>
      metrics.answered({ method, route, status: clientClosedRequest, durationMs: undefined }),
  };
}
