/**
 * Turns whatever goes wrong into a problem reply (RFC 9457): Problems by their code, Fastify's and Node's own errors by
 * the code that fits, anything else as `internal`, whose cause goes to the observer and never to the client.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CallerGone, Problem, type ProblemCode, problemKind } from '../errors.js';
import { MalformedJsonError } from '../json/malformed-json-error.js';
import { shownText } from '../json/shown-text.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { problemMediaType } from '../schemas/problem.js';
import { connectionOf } from './connection.js';
import type { Cors } from './cors.js';
import { flawOf } from './request-form.js';
import { RouteTable } from './route-table.js';

/** Fastify's errors that a client can cause. */
const ofFastify: Readonly<Record<string, ProblemCode>> = {
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
const ofNode: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

function explained(code: ProblemCode): Problem {
  const { meaning, remedy } = problemKind(code);
  return new Problem(code, `${meaning} ${remedy}`);
}

/** The Problem that tells the client what its error was; undefined when the mistake is ours. */
function toProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof MalformedJsonError) return new Problem('malformed-json', error.message);
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = code === undefined ? undefined : ofFastify[code];
  if (known) return explained(known);
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? explained('bad-request') : undefined;
}

/** The body of a problem reply. */
function problemBodyOf(problem: Problem, requestId: string): string {
  const { status, title } = problemKind(problem.code);
  return JSON.stringify({
    type: `/problems/${problem.code}`,
    code: problem.code,
    title,
    status,
    detail: problem.message,
    instance: `/problems/${problem.code}#${requestId}`,
    request_id: requestId,
    errors: problem.errors,
  });
}

/** The body of an error of the Open Inference Protocol: its clients show the text of `error`, so that says it all. */
function inferErrorOf({ code, message, errors }: Problem, requestId: string): string {
  // A pointer to an unknown field has its name, which is the client's own, and this text is shown in terminals.
  const fields = errors.map((error) => `${shownText(error.pointer, 256) || 'the request'} ${error.message}`).join('; ');
  const error = `${code}: ${fields || message}`;
  return JSON.stringify({ error, code, request_id: requestId, errors });
}

/** Whether a path belongs to the Open Inference Protocol, which has errors of its own form. */
const underV2 = /^\/v2(?:[/?]|$)/;

/** What a problem is answered with. */
export interface ProblemReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

export function problemReply(problem: Problem, requestId: string, target: string): ProblemReply {
  const inference = underV2.test(target);
  const headers: Record<string, string | number> = {
    // KServe's client reads an error only if its media type is this and no more.
    'content-type': inference ? 'application/json' : problemMediaType,
  };
  if (problem.retryAfterSeconds !== undefined) headers['retry-after'] = problem.retryAfterSeconds;
  if (problem.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="gumbel-sampler"';
  const body = inference ? inferErrorOf(problem, requestId) : problemBodyOf(problem, requestId);
  return { status: problemKind(problem.code).status, headers, body };
}

function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body: text } = problemReply(problem, request.id, request.url);
  // Fastify adds a charset to the media type of text, not to that of bytes.
  const body = Buffer.from(text);
  return reply.code(status).headers(headers).send(body);
}

/** Headers of every reply, by the id of its request and the origin of the page that sent it. */
export type HeadersOf = (requestId: string, origin: string | undefined) => Readonly<Record<string, string>>;

/**
 * Answers on the raw socket when Node could not read a request at all; undefined where nobody is left to hear it. Every earlier
 * request of the connection has been answered: it is only then that Node gets the bytes of the next.
 */
function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  headersOf: HeadersOf,
): Problem | undefined {
  const connection = connectionOf(socket);
  // What comes after the head of a reply would be read as part of it.
  if (error.code === 'ECONNRESET' || !socket.writable || connection?.replyHasBegun) {
    socket.destroy();
    return undefined;
  }
  const problem = explained(ofNode[error.code ?? ''] ?? 'bad-request');
  writeProblem(problem, socket, headersOf);
  return problem;
}

/** Writes a whole reply, the last of its connection. */
function writeProblem(problem: Problem, socket: Socket, headersOf: HeadersOf): void {
  const { status, title } = problemKind(problem.code);
  const requestId = randomUUID();
  const body = problemBodyOf(problem, requestId);
  const headers = {
    ...headersOf(requestId, connectionOf(socket)?.origin),
    'content-type': problemMediaType,
    'content-length': Buffer.byteLength(body),
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`);
  connectionOf(socket)?.linger();
}

/** What is said of a request to those who count and log. */
export interface KnownRequest {
  readonly id: string;
  readonly method: string;
  /** The pattern of its route; undefined where none matched. */
  readonly route: string | undefined;
  /** Name of the caller's key; undefined where keys are off or not needed. */
  readonly key: string | undefined;
}

export function knownRequest({ id, method, routeOptions, caller }: FastifyRequest): KnownRequest {
  return { id, method, route: routeOptions.url, key: caller?.name };
}

/** Told of every error reply. */
export interface ErrorObserver {
  /** A request was refused; `cause` is there when the mistake is ours. */
  readonly refused: (problem: Problem, request: KnownRequest, cause?: unknown) => void;
  /** The router itself refused a request, before any hook; that was all of the request's life. */
  readonly misrouted: (request: KnownRequest, status: number) => void;
  /** Node refused what it could not read as a request. */
  readonly unread: (problem: Problem) => void;
}

/** Whether the client went away while its reply was streamed: nobody is left to answer, and nothing is wrong here. */
function isReaderGone({ code }: FastifyError, { raw }: FastifyRequest): boolean {
  return code === 'ERR_STREAM_PREMATURE_CLOSE' && raw.socket.destroyed;
}

/**
 * Installs the error replies. Call it before any route is added: it learns the routes as they come.
 * A request that matches no route is refused before its body is read.
 */
export function installErrorReplies(
  app: FastifyInstance,
  { refused, unread }: ErrorObserver,
  headersOf: HeadersOf,
  cors: Cors,
): void {
  const paths = new RouteTable();
  app.addHook('onRoute', ({ url, method }) => paths.add(url, [method].flat()));
  // Node would close the connection without a word.
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const problem = new Problem('bad-request', 'This service is no proxy. Send requests for its own paths.');
    writeProblem(problem, socket, headersOf);
    unread(problem);
  });
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
  // Plugins that look for a file themselves end here.
  app.setNotFoundHandler((request, reply) => {
    const problem = explained('not-found');
    refused(problem, knownRequest(request));
    return sendProblem(problem, request, reply);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof CallerGone || isReaderGone(error, request)) return reply.hijack();
    const problem = toProblem(error);
    refused(problem ?? explained('internal'), knownRequest(request), problem ? undefined : error);
    return sendProblem(problem ?? explained('internal'), request, reply);
  });
}

/** Options of the server for errors that come before any hook or handler. */
export function errorReplyOptions({ refused, misrouted, unread }: ErrorObserver, headersOf: HeadersOf) {
  return {
    clientErrorHandler: (error: Error & { code?: string }, socket: Socket) => {
      const answer = () => {
        const problem = answerClientError(error, socket, headersOf);
        if (problem) unread(problem);
      };
      // Node looks once a second whose time is over: hundreds at once would hold the thread.
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') nextTurn().then(answer);
      else answer();
    },
    /** Errors of the router itself. */
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      const problem = toProblem(error);
      refused(problem ?? explained('internal'), knownRequest(request), problem ? undefined : error);
      sendProblem(
        problem ?? explained('internal'),
        request,
        reply.headers(headersOf(request.id, request.headers.origin)),
      );
      misrouted(knownRequest(request), reply.statusCode);
    },
  };
}
