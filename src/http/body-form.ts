/** The form of a body by its headers: media type (grammar of RFC 9110, section 8.3.1), charset and content codings. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import { Problem } from '../errors.js';

export interface MediaType {
  /** Type and subtype in lower case. */
  readonly type: string;
  /** In lower case and without quotes; undefined if none is given. */
  readonly charset: string | undefined;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = '"(?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[^\\x00-\\x08\\x0a-\\x1f\\x7f])*"';
// Blanks around "=" are not in the grammar, but some clients write them.
const parameter = `(${token})[ \\t]*=[ \\t]*(${token}|${quoted})`;
const essence = new RegExp(`[ \\t]*(${token}/${token})[ \\t]*`, 'y');
/** A semicolon and an optional parameter. The expression is unambiguous, so it matches in linear time. */
const nextParameter = new RegExp(`;[ \\t]*(?:${parameter}[ \\t]*)?`, 'y');

/** Parses a Content-Type; undefined if it is malformed. */
export function parseMediaType(text: string): MediaType | undefined {
  essence.lastIndex = 0;
  const type = essence.exec(text)?.[1]?.toLowerCase();
  if (type === undefined) return undefined;
  let charset: string | undefined;
  let end = essence.lastIndex;
  while (end < text.length) {
    nextParameter.lastIndex = end;
    const match = nextParameter.exec(text);
    if (match === null) return undefined;
    end = nextParameter.lastIndex;
    if (match[1]?.toLowerCase() === 'charset') charset ??= unquoted(match[2] as string).toLowerCase();
  }
  return { type, charset };
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
}

/** The bodies that a route accepts. */
export interface BodyForm {
  /** Media types, in lower case. */
  readonly types: readonly string[];
  /** Whether a body without Content-Type is accepted. */
  readonly typeMayBeAbsent: boolean;
}

const json = 'application/json';

/** Makes routes with a body, registered on `app` from now on, refuse other forms before they read the body. */
export function refuseOtherMediaTypes(app: FastifyInstance, form: BodyForm): void {
  const refuse: onRequestHookHandler = (request, _reply, done) => done(formRefusal(request.headers, form));
  app.addHook('onRoute', (route) => {
    if (route.schema?.body) route.onRequest = [route.onRequest ?? [], refuse].flat();
  });
}

/** The problem for a body that is not accepted; undefined if it is. */
function formRefusal(headers: IncomingHttpHeaders, { types, typeMayBeAbsent }: BodyForm): Problem | undefined {
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = headers;
  if (contentEncoding !== undefined && !isIdentity(contentEncoding)) {
    return refusal('The body has a Content-Encoding. Send it uncompressed, without one.');
  }
  // The fast path: most clients send exactly this.
  if (contentType === json) return undefined;
  const right = `Send Content-Type: ${types.join(' or ')}.`;
  if (contentType === undefined || contentType === '') {
    return typeMayBeAbsent ? undefined : refusal(`The request has no Content-Type. ${right}`);
  }
  const media = parseMediaType(contentType);
  if (media === undefined) return refusal(`Content-Type is no media type. ${right}`);
  if (!types.includes(media.type)) return refusal(`Content-Type is another media type. ${right}`);
  if (media.type !== json || media.charset === undefined || isUtf8(media.charset)) return undefined;
  return refusal('The charset of Content-Type is not UTF-8. Send JSON in UTF-8, with charset=utf-8 or none.');
}

/** "utf8" is a label of the same encoding (WHATWG Encoding). */
function isUtf8(charset: string): boolean {
  return charset === 'utf-8' || charset === 'utf8';
}

/** Whether the body is not encoded. `identity` means no coding (RFC 9110, section 12.5.3). */
function isIdentity(contentEncoding: string): boolean {
  return contentEncoding.split(',').every((coding) => /^[ \t]*(?:identity)?[ \t]*$/i.test(coding));
}

function refusal(detail: string): Problem {
  return new Problem('unsupported-media-type', detail);
}
