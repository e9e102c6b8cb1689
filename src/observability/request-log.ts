/**
 * What is counted and logged of every request: an answer by route and status, an error reply by its code, a line for each
 * reply of 5xx, and with LOG_LEVEL=debug one for each request. Lines carry the request id, and never a body, header or key.
 * Of an overload, which refuses thousands a second, a line a second is enough: it says how many it stands for.
 */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Problem, problemKind } from '../errors.js';
import { type ErrorObserver, type KnownRequest, knownRequest } from '../http/error-replies.js';
import { whenOver } from '../http/reply-end.js';
import { clientClosedRequest, type Metrics } from './metrics.js';

/** What every line about a request says. */
function lineOf({ id, method, route, key }: KnownRequest) {
  return { request_id: id, method, route, key };
}

/** How often a refusal for overload is logged. */
const overloadLineMs = 1000;

export function observeErrors(metrics: Metrics, logger: Logger): ErrorObserver {
  let overloadLineAtMs = Number.NEGATIVE_INFINITY;
  let overloadsUnlogged = 0;
  /** How many refusals the line for this one stands for, or 0 when it gets none. */
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
      logger.error({ ...lineOf(request), status, code, err: cause }, 'a request failed, and it is our fault');
    } else if (code === 'overloaded') {
      const requests = countOverload();
      if (requests === 0) return;
      const line = { ...lineOf(request), status, code, detail: message, requests };
      logger.warn(line, 'requests were turned away: this one, and others since the last such line');
    } else if (status >= 500) {
      logger.warn({ ...lineOf(request), status, code, detail: message }, 'a request was turned away');
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
  };
}

/** Counts, and with LOG_LEVEL=debug logs, the answer of a request, or that its client left before. */
export class AnswerObserver {
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #logged: boolean;

  constructor(metrics: Metrics, logger: Logger) {
    this.#metrics = metrics;
    this.#logger = logger;
    this.#logged = logger.isLevelEnabled('debug');
  }

  answered(request: KnownRequest, status: number, durationMs: number): void {
    const { method, route } = request;
    this.#metrics.answered({ method, route, status, durationMs });
    if (this.#logged) this.#logger.debug({ ...lineOf(request), status, durationMs }, 'request answered');
  }

  left({ method, route }: KnownRequest): void {
    this.#metrics.answered({ method, route, status: clientClosedRequest, durationMs: undefined });
  }
}

/** Observes every request that the app sees. */
export function observeAnswers(app: FastifyInstance, observer: AnswerObserver): void {
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
