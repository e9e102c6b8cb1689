/** The id of a request in replies and log lines: the client's own if it is well-formed, else a new one. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Request and reply carry the id in this header. */
export const requestIdHeader = 'x-request-id';

/** Long enough for the ids of tracing systems, and without characters that could forge a log line or a header. */
const wellFormed = /^[A-Za-z0-9._-]{1,128}$/;

export function requestIdOf({ headers }: { readonly headers: IncomingHttpHeaders }): string {
  const given = headers[requestIdHeader];
  return typeof given === 'string' && wellFormed.test(given) ? given : randomUUID();
}
