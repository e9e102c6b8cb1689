/**
 * The one writer of problem replies (RFC 9457). A problem becomes a status, headers and a body in one place, and goes
 * out in one of three ways: through Fastify, in front of Fastify, or on the raw socket where Node could not read a
 * request.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Problem, problemKind } from '../errors.js';
import { problemMediaType } from '../schemas/problem.js';
import { connectionOf } from './connection.js';
import { serverTimingHeader, spanOf, traceOf } from './request-span.js';
import type { TraceIds } from './trace-context.js';

/** Headers of every reply, by the id of its request and the origin of the page that sent it. */
export type HeadersOf = (requestId: string, origin: string | undefined) => Readonly<Record<string, string>>;

/** The error format of a protocol, for its paths. */
export interface ErrorForm {
  readonly isFor: (target: string) => boolean;
  readonly mediaType: string;
  readonly bodyOf: (problem: Problem, requestId: string, trace: TraceIds | undefined) => string;
}

const problemJson: ErrorForm = { isFor: () => true, mediaType: problemMediaType, bodyOf: problemBodyOf };

interface ProblemReply {
  readonly status: number;
  /** Pairs, not an object: V8 merges objects slowly, and an overload refuses thousands of requests a second. */
  readonly headers: (readonly [name: string, value: string])[];
  readonly body: string;
}

export class ProblemWriter {
  readonly #headersOf: HeadersOf;
  readonly #forms: readonly ErrorForm[];

  /** @param forms error formats that take precedence over problem+json */
  constructor(headersOf: HeadersOf, forms: readonly ErrorForm[] = []) {
    this.#headersOf = headersOf;
    this.#forms = [...forms, problemJson];
  }

  /** Replies to a request inside Fastify. */
  send(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { status, headers, body } = this.#reply(problem, request.id, request.url, request.raw);
    // Fastify adds a charset to the media type of text, not to that of bytes.
    for (const [name, value] of headers) reply.header(name, value);
    return reply.code(status).send(Buffer.from(body));
  }

  /** Replies to a request in front of Fastify. */
  end(problem: Problem, requestId: string, request: IncomingMessage, reply: ServerResponse): void {
    const { status, headers, body } = this.#reply(problem, requestId, request.url ?? '', request);
    for (const [name, value] of headers) reply.setHeader(name, value);
    reply.statusCode = status;
    // Node writes text together with the head; bytes would be a second write.
    reply.end(body);
  }

  /** Writes the last reply of a connection, after Node could not parse a request. */
  write(problem: Problem, socket: Socket): void {
    const connection = connectionOf(socket);
    const request = connection?.request;
    const { status, headers, body } = this.#reply(problem, randomUUID(), '', request);
    const span = request && spanOf(request);
    if (span) headers.push([serverTimingHeader, span.serverTiming]);
    const all = new Map([...headers, ['date', new Date().toUTCString()], ['connection', 'close']]);
    const lines = Array.from(all, ([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${problemKind(problem.code).title}\r\n${lines.join('')}\r\n${body}`);
    connection?.linger();
  }

  /** @param request undefined if not even its headers could be read */
  #reply(problem: Problem, requestId: string, target: string, request: IncomingMessage | undefined): ProblemReply {
    const form = this.#forms.find(({ isFor }) => isFor(target)) ?? problemJson;
    const body = form.bodyOf(problem, requestId, request && traceOf(request));
    const headers = Object.entries(this.#headersOf(requestId, request?.headers.origin));
    headers.push(['content-type', form.mediaType]);
    if (problem.retryAfterSeconds !== undefined) headers.push(['retry-after', String(problem.retryAfterSeconds)]);
    if (problem.code === 'unauthenticated') headers.push(['www-authenticate', 'Bearer realm="gumbel-sampler"']);
    headers.push(['content-length', String(Buffer.byteLength(body))]);
    return { status: problemKind(problem.code).status, headers, body };
  }
}

function problemBodyOf({ code, message, errors }: Problem, requestId: string, trace: TraceIds | undefined): string {
  const { status, title } = problemKind(code);
  return JSON.stringify({
    type: `/problems/${code}`,
    code,
    title,
    status,
    detail: message,
    instance: `/problems/${code}#${requestId}`,
    request_id: requestId,
    ...traceMembers(trace),
    errors,
  });
}

/** The members of an error body that name the trace; none for a request without one. */
export function traceMembers(trace: TraceIds | undefined): { trace_id?: string; span_id?: string } {
  return trace ? { trace_id: trace.traceId, span_id: trace.spanId } : {};
}
