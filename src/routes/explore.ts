/**
 * The pages for readers: GET / names what there is, GET /explore shows what the draws are like. Built from explore/.
 */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { constantReply, serveConstant } from '../http/constant-reply.js';

/** The build lies in dist/src and dist/public. */
const folder = new URL('../../public/', import.meta.url);

const html = 'text/html; charset=utf-8';

const files = [
  ['/', 'home.html', html],
  ['/explore', 'page.html', html],
  ['/explore/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/explore/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/explore/icon.svg', 'icon.svg', 'image/svg+xml'],
  ['/explore/inter-latin-wght-normal.woff2', 'inter-latin-wght-normal.woff2', 'font/woff2'],
] as const;

/**
 * Instead of the policy that JSON replies have. The pages ask nobody but this service; none has a script or style in
 * its text.
 */
const headers = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

export function exploreRoutes(app: FastifyInstance): void {
  for (const [url, file, type] of files) {
    const constant = constantReply(readFileSync(new URL(file, folder)), type, headers);
    app.get(url, { schema: { hide: true } }, serveConstant(constant));
  }
}
