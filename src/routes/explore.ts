/** The pages: GET / lists the routes and documents, GET /explore lets readers try draws. Built from explore/. */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { constantReply, serveConstant } from '../http/constant-reply.js';

/** dist/public, seen from dist/src/routes. */
const folder = new URL('../../public/', import.meta.url);

const html = 'text/html; charset=utf-8';

const files = [
  ['/', 'home.html', html],
  ['/explore', 'page.html', html],
  ['/explore/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/explore/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/explore/kernel.wasm', 'kernel.wasm', 'application/wasm'],
  ['/explore/icon.svg', 'icon.svg', 'image/svg+xml'],
  ['/explore/inter-latin-wght-normal.woff2', 'inter-latin-wght-normal.woff2', 'font/woff2'],
] as const;

/**
 * Replaces the content security policy of JSON replies. The pages load from this service only, and have no inline
 * scripts or styles. 'wasm-unsafe-eval' allows WebAssembly, the noise kernel, and no other code made of data.
 */
const headers = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

export function exploreRoutes(app: FastifyInstance): void {
  for (const [url, file, type] of files) {
    const constant = constantReply(readFileSync(new URL(file, folder)), type, headers);
    app.get(url, { schema: { hide: true } }, serveConstant(constant));
  }
}
