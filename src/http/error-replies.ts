/**
 * Answers every error with a problem: a Problem as it is, Fastify's and Node's own errors by the code that fits, any
 * other as `internal`, whose cause goes to the observer and never to the client.
 *
 * - An error of a hook or a handler comes to the error handler of `installErrorReplies`.
 * - An error of Fastify's router, or of Node's parser, comes to `errorReplyOptions`.
 * - A refused draw of a full queue does not come here: load-shedding.ts answers it.
 *
 * Each then goes to its observer and to problem-writer.ts.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CallerGone, Problem, type ProblemCode, problemKind } from '../errors.js';
import { MalformedJsonError } from '../json/malformed-json-error.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { connectionOf } from './connection.js';
import type { Cors } from './cors.js';
import { type HttpObserver, knownRequest } from './observer.js';
import type { ProblemWriter } from './problem-writer.js';
import { flawOf } from './request-form.js';
import { RouteTable } from './route-table.js';

/** Fastify's errors that a client can cause. */
const codeOfFastify: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_BAD_URL: 'bad-request',
  FST_ERR_ASYNC_CONSTRAINT: 'bad-request',
  FST_ERR_MAX_PARAM_LENGTH: 'not-found',
  FST_BEARER_AUTH_MISSING_AUTHORIZATION_HEADER: 'unauthenticated',
  FST_BEARER_AUTH_INVALID_AUTHORIZATION_HEADER: 'unauthenticated',
};

/** Node's errors on a connection whose request never reached Fastify. */
const codeOfNode: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

export interface ErrorReplyParts {
  readonly problems: ProblemWriter;
  readonly observer: HttpObserver;
}

/** A problem whose detail is the meaning and the remedy of its code. */
function explained(code: ProblemCode): Problem {
  const { meaning, remedy } = problemKind(code);
  return new Problem(code, `${meaning} ${remedy}`);
}

/** The client's problem for an error of a hook, a handler or Fastify; undefined for a bug of the service. */
function clientProblem(error: FastifyError): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof MalformedJsonError) return new Problem('malformed-json', error.message);
  const { code, statusCode } = error;
  const known = codeOfFastify[code];
  if (known) return explained(known);
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? explained('bad-request') : undefined;
}

/** Replies to an error of a request inside Fastify. */
function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  { problems, observer }: ErrorReplyParts,
): FastifyReply {
  const mistake = clientProblem(error);
  const problem = mistake ?? explained('internal');
  observer.refused(problem, knownRequest(request), mistake ? undefined : error);
  return problems.send(problem, request, reply);
}

type ClientError = Error & { readonly code?: string };

/**
 * Replies on the raw socket when Node could not parse a request, unless the client has gone. Earlier requests of the
 * connection have been answered, since Node gets the bytes of the next request only then.
 */
function answerUnread(error: ClientError, socket: Socket, { problems, observer }: ErrorReplyParts): void {
  // After the head of a reply, the client would read this as part of that reply.
  if (error.code === 'ECONNRESET' || !socket.writable || connectionOf(socket)?.replyHasBegun) {
    socket.destroy();
    return;
  }
  const problem = explained(codeOfNode[error.code ?? ''] ?? 'bad-request');
  problems.write(problem, socket);
  observer.unread(problem, connectionOf(socket)?.request);
}

/** Whether the client disconnected while its reply was streamed, which is no error of the service. */
function isReaderGone({ code }: FastifyError, { raw }: FastifyRequest): boolean {
  return code === 'ERR_STREAM_PREMATURE_CLOSE' && raw.socket.destroyed;
}

/** Options of Fastify for errors that come before any hook or handler. */
export function errorReplyOptions(parts: ErrorReplyParts) {
  return {
    /** Errors of Node's parser. */
    clientErrorHandler: (error: ClientError, socket: Socket) => {
      const answer = () => answerUnread(error, socket, parts);
      // Node checks timeouts once a second: hundreds of replies in one turn would block the event loop.
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') nextTurn().then(answer);
      else answer();
    },
    /** Errors of the router itself. */
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      answerError(error, request, reply, parts);
      parts.observer.misrouted(knownRequest(request), reply.statusCode);
    },
  };
}

/** Installs the error replies. Call it before any route is registered: a hook collects the routes. */
export function installErrorReplies(app: FastifyInstance, parts: ErrorReplyParts, cors: Cors): void {
  const { problems, observer } = parts;
  // Without a listener, Node closes the connection without a reply.
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const problem = new Problem('bad-request', 'This service is not a proxy. Send requests for its own paths.');
    problems.write(problem, socket);
    observer.unread(problem, undefined);
  });
  refuseUnroutable(app, cors);
  // Reached by plugins that look up files themselves.
  app.setNotFoundHandler((request, reply) => {
    const problem = explained('not-found');
    observer.refused(problem, knownRequest(request));
    return problems.send(problem, request, reply);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof CallerGone || isReaderGone(error, request)) return reply.hijack();
    return answerError(error, request, reply, parts);
  });
}

/** Refuses bad HTTP, and requests that match no route, before their body is read. */
function refuseUnroutable(app: FastifyInstance, cors: Cors): void {
  const paths = new RouteTable();
  app.addHook('onRoute', ({ url, method }) => paths.add(url, [method].flat()));
  app.addHook('onRequest', (request, reply, done) => {
    const flaw = flawOf(request.raw);
    if (flaw) {
      done(flaw);
      return;
    }
    if (!request.is404) {
      done();
      return;
    }
    const path = paths.find(request.url);
    if (!path) {
      done(explained('not-found'));
      return;
    }
    const methods = [...path.methods].join(', ');
    const preflight = cors.preflightFor(request.method, request.headers, methods);
    if (preflight) {
      reply.code(204).headers(preflight).send();
      return;
    }
    reply.header('allow', methods);
    done(new Problem('method-not-allowed', `This path supports only ${methods}.`));
  });
}
