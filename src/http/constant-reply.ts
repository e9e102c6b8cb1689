/**
 * Replies that are the same for everybody for as long as the process runs: pages, their files, the OpenAPI document.
 * Each is one buffer with a strong ETag, made once; every reply sends that buffer, so replies that wait for their
 * clients take no memory of their own, and no file is opened for a request.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';

export interface ConstantReply {
  readonly body: Buffer;
  /** Media type, ETag, Cache-Control, and what else the reply is to have. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The addresses do not change with the content, so clients ask each time whether what they have is still the same. */
const cacheControl = 'no-cache';

export function constantReply(
  body: Buffer | string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): ConstantReply {
  const bytes = Buffer.from(body);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  return { body: bytes, headers: { ...headers, 'content-type': type, 'cache-control': cacheControl, etag } };
}

/**
 * Whether a client that sends this If-None-Match has the content already (RFC 9110, 13.1.2). An ETag here has neither
 * quotes nor commas inside, so it is in the list if it is in the text.
 */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch !== undefined && (ifNoneMatch.trim() === '*' || ifNoneMatch.includes(etag));
}

export function sendConstant(
  request: FastifyRequest,
  reply: FastifyReply,
  { body, headers }: ConstantReply,
): FastifyReply {
  reply.headers(headers);
  return isKnown(request.headers['if-none-match'], headers.etag as string) ? reply.code(304).send() : reply.send(body);
}

/** A route that always answers with this. */
export function serveConstant(constant: ConstantReply): RouteHandlerMethod {
  return (request, reply) => sendConstant(request, reply, constant);
}
