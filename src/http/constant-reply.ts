/**
 * Replies that never change while the process runs: pages, their files, the OpenAPI document. Each is one buffer with a
 * strong ETag, made at the start. All replies send that buffer, so slow clients take no memory, and no request opens a
 * file.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';

export interface ConstantReply {
  readonly body: Buffer;
  /** Media type, ETag, Cache-Control and further headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The URLs stay the same when the content changes, so clients must revalidate each time. */
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
 * Whether If-None-Match lists this ETag (RFC 9110, section 13.1.2). An ETag here has neither quotes nor commas inside,
 * so a search in the text is enough.
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

/** A route handler that always sends this reply. */
export function serveConstant(constant: ConstantReply): RouteHandlerMethod {
  return (request, reply) => sendConstant(request, reply, constant);
}
