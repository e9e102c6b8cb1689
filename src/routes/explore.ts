/** The pages for readers: GET / names what there is, GET /explore shows what the draws are like. Built from explore/. */
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** The build lies in dist/src and dist/public. */
const folder = new URL('../../public/', import.meta.url);

/** Files of the pages, below /explore/. */
const files = ['page.js', 'page.css', 'icon.svg', 'inter-latin-wght-normal.woff2'] as const;

/** Instead of the policy that JSON replies have. The pages ask nobody but this service; none has a script or style in its text. */
const contentSecurityPolicy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

export async function exploreRoutes(app: FastifyInstance): Promise<void> {
  // The names do not change with the content, so browsers ask whether a file is still the same.
  await app.register(fastifyStatic, { root: folder, serve: false, cacheControl: false });
  const hidden = { schema: { hide: true } };
  const send = (reply: FastifyReply, file: string) =>
    reply
      .header('content-security-policy', contentSecurityPolicy)
      .header('x-frame-options', 'DENY')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .sendFile(file);
  app.get('/', hidden, (_request, reply) => send(reply, 'home.html'));
  app.get('/explore', hidden, (_request, reply) => send(reply, 'page.html'));
  for (const file of files) app.get(`/explore/${file}`, hidden, (_request, reply) => send(reply, file));
}
