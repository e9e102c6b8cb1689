/**
 * Swagger UI at /docs, from the files of swagger-ui-dist. This module has its own HTML page: without inline scripts,
 * without a field for another document's URL, and without padlocks when keys are off.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';
import { constantReply, serveConstant } from '../http/constant-reply.js';
import type { RouteContext } from './context.js';

/**
 * Security headers of the page: scripts, styles, images and requests from this service only. Swagger UI needs
 * 'unsafe-inline' for its style attributes. No header demands HTTPS, which a service inside a cluster does not have.
 */
export const pageHeaders = {
  'content-security-policy':
    "default-src 'none';script-src 'self';style-src 'self' 'unsafe-inline';img-src 'self' data:;font-src 'self';" +
    "connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
};

const javascript = 'text/javascript; charset=utf-8';
const css = 'text/css; charset=utf-8';

/** Files of swagger-ui-dist that the page uses. */
const distFiles = [
  ['swagger-ui-bundle.js', javascript],
  ['swagger-ui.css', css],
  ['favicon-16x16.png', 'image/png'],
  ['favicon-32x32.png', 'image/png'],
] as const;

/** @param folder path of the files, relative to the page */
function pageHtml(folder: string): string {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>gumbel-sampler</title>
    <link rel="stylesheet" href="${folder}/swagger-ui.css">
    <link rel="stylesheet" href="${folder}/index.css">
    <link rel="icon" type="image/png" href="${folder}/favicon-32x32.png" sizes="32x32">
    <link rel="icon" type="image/png" href="${folder}/favicon-16x16.png" sizes="16x16">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${folder}/swagger-ui-bundle.js"></script>
    <script src="${folder}/swagger-initializer.js"></script>
  </body>
</html>
`;
}

/** The document's URL is relative to the script, so that it also works behind a proxy that adds a path prefix. */
const initializer = `SwaggerUIBundle({
  url: new URL('../json', document.currentScript.src).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

const pageCss = 'body { margin: 0; background: #fafafa; }\n';
const hiddenPadlocks = '.swagger-ui .auth-wrapper, .swagger-ui .authorization__btn { display: none; }\n';

export function swaggerUiRoutes(app: FastifyInstance, { callers }: RouteContext): void {
  const hidden = { schema: { hide: true } };
  const serve = (path: string, body: Buffer | string, type: string) =>
    app.get(`/docs${path}`, hidden, serveConstant(constantReply(body, type, pageHeaders)));
  serve('', pageHtml('./docs/static'), 'text/html; charset=utf-8');
  serve('/', pageHtml('./static'), 'text/html; charset=utf-8');
  serve('/static/swagger-initializer.js', initializer, javascript);
  serve('/static/index.css', callers ? pageCss : pageCss + hiddenPadlocks, css);
  const { resolve } = createRequire(import.meta.url);
  for (const [file, type] of distFiles) {
    serve(`/static/${file}`, readFileSync(resolve(`swagger-ui-dist/${file}`)), type);
  }
  for (const path of ['/docs/static/', '/docs/static/index.html']) {
    app.get(path, hidden, (_request, reply) => reply.redirect('/docs/'));
  }
}
