/**
 * The echo: the least that any Fastify service does with such a body. Fastify's own JSON parser reads it,
 * JSON.stringify prints its logits; bytes go back as they came. No validation, no schema, no sampling. A process of its
 * own, started by the benchmark.
 */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';

const app = fastify({ bodyLimit: 2 ** 24 });

/** The same for bytes: read into one buffer and sent back. */
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/v2/models/gumbel_softmax/infer', async (request, reply) =>
  reply.type('application/octet-stream').send(request.body),
);
app.post('/sample', async (request) => ({ logits: (request.body as { logits: unknown }).logits }));

process.once('SIGTERM', () => app.close());
await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`serving at http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
