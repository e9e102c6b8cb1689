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

/** What a code means, and what to send instead. */
function explained(code: ProblemCode): Problem {
  const { meaning, remedy } = problemKind(code);
  return new Problem(code, `${meaning} ${remedy}`);
}

/** The problem that an error of a hook, a handler or Fastify tells the client; undefined when the mistake is ours. */
function problemOf(error: FastifyError): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof MalformedJsonError) return new Problem('malformed-json', error.message);
  const { code, statusCode } = error;
  const known = codeOfFastify[code];
  if (known) return explained(known);
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? explained('bad-request') : undefined;
}

/** Answers an error of a request that Fastify has. */
function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  { problems, observer }: ErrorReplyParts,
): FastifyReply {
  const mistake = problemOf(error);
  const problem = mistake ?? explained('internal');
  observer.refused(problem, knownRequest(request), mistake ? undefined : error);
  return problems.send(problem, request, reply);
}

type ClientError = Error & { readonly code?: string };

/**
 * Answers on the raw socket when Node could not read a request at all, unless nobody is left to hear it. Every earlier
 * request of the connection has been answered: it is only then that Node gets the bytes of the next.
 */
function answerUnread(error: ClientError, socket: Socket, { problems, observer }: ErrorReplyParts): void {
  // What comes after the head of a reply would be read as part of it.
  if (error.code === 'ECONNRESET' || !socket.writable || connectionOf(socket)?.replyHasBegun) {
    socket.destroy();
    return;
  }
  const problem = explained(codeOfNode[error.code ?? ''] ?? 'bad-request');
  problems.write(problem, socket);
  observer.unread(problem);
}

/** Whether the client went away while its reply was streamed: nobody is left to answer, and nothing is wrong here. */
function isReaderGone({ code }: FastifyError, { raw }: FastifyRequest): boolean {
  return code === 'ERR_STREAM_PREMATURE_CLOSE' && raw.socket.destroyed;
}

/** Options of Fastify for errors that come before any hook or handler. */
export function errorReplyOptions(parts: ErrorReplyParts) {
  return {
    /** Errors of Node's parser. */
    clientErrorHandler: (error: ClientError, socket: Socket) => {
      const answer = () => answerUnread(error, socket, parts);
      // Node checks timeouts once a second: hundreds at once would hold the thread.
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

/** Installs the error replies. Call it before any route is added: it learns the routes as they come. */
export function installErrorReplies(app: FastifyInstance, parts: ErrorReplyParts, cors: Cors): void {
  const { problems, observer } = parts;
  // Node would close the connection without a word.
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const problem = new Problem('bad-request', 'This service is no proxy. Send requests for its own paths.');
    problems.write(problem, socket);
    observer.unread(problem);
  });
  refuseUnroutable(app, cors);
  // Plugins that look for a file themselves end here.
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
    done(new Problem('method-not-allowed', `This path takes ${methods}.`));
  });
}
