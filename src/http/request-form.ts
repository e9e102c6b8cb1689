/**
 * Checks of HTTP/1.1 that Node's parser omits (RFC 9112, section 3): it accepts any version from 0.9 to 2.0, keeps the
 * first of several Host headers, and does not validate it. Can go when llhttp refuses them.
 */
import type { IncomingMessage } from 'node:http';
import { Problem } from '../errors.js';

/** A name or address and maybe a port (RFC 9110, section 7.2); empty where the target has no authority. */
const hostForm = /^([A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?$/;

/** The absolute form of a target, as sent to proxies; every server must accept it (RFC 9112, section 3.2.2). */
const absoluteForm = /^https?:\/\/[^/?#]*/i;

/** The problem of a malformed request; undefined if it is well-formed. */
export function flawOf(request: IncomingMessage): Problem | undefined {
  const flaw = malformation(request);
  if (flaw !== undefined) return new Problem('bad-request', flaw);
  const { expect } = request.headers;
  if (!expect || expect.toLowerCase() === '100-continue') return undefined;
  return new Problem(
    'expectation-failed',
    'The Expect header asks for something other than 100-continue. Leave it out.',
  );
}

/** The violation of HTTP/1.1, in a sentence for the client. */
function malformation({ httpVersion, headers, rawHeaders, url, method }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return 'The request line has no version that is served. Send HTTP/1.1.';
  if (!url?.startsWith('/') && !(url === '*' && method === 'OPTIONS')) {
    return 'The target of the request line is no path. Send one that begins with a slash.';
  }
  const { host } = headers;
  if (host === undefined) {
    return httpVersion === '1.1' ? 'The request has no Host header. Send one: HTTP/1.1 requests have it.' : undefined;
  }
  if (countHosts(rawHeaders) > 1) return 'The request has several Host headers. Send one.';
  if (!hostForm.test(host))
    return 'The Host header is no host. Send the name or address of the service, and maybe a port.';
  return undefined;
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let name = 0; name < rawHeaders.length; name += 2) {
    const text = rawHeaders[name] as string;
    if (text.length === 4 && text.toLowerCase() === 'host') count += 1;
  }
  return count;
}

/** The path and query of a target, whatever its form. */
export function originForm(target: string): string {
  if (target.charCodeAt(0) === 0x2f) return target;
  const path = target.replace(absoluteForm, '');
  return path.startsWith('/') || path === target ? path : `/${path}`;
}
