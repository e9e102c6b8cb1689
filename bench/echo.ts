/**
 * The baseline of the benchmarks: a Fastify route that parses a body with Fastify's own parser and prints its logits,
 * as any Fastify service does before it computes anything. With PROCESSES above 1 Node's `cluster` runs so many of it
 * behind one port, as it runs those of the service.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';

async function serve(): Promise<number> {
  const app = fastify({ bodyLimit: 2 ** 24 });
  // The same for bytes: read into one buffer and sent back.
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post('/v2/models/gumbel_softmax/infer', async (request, reply) =>
    reply.type('application/octet-stream').send(request.body),
  );
  app.post('/sample', async (request) => ({ logits: (request.body as { logits: unknown }).logits }));
  process.once('SIGTERM', async () => {
    await app.close();
    cluster.worker?.disconnect();
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

/** They share one port, which the system chooses once. They end when this process does. */
async function serveInProcesses(count: number): Promise<number> {
  const workers = Array.from({ length: count }, () => cluster.fork());
  process.once('SIGTERM', () => {
    for (const worker of workers) worker.process.kill('SIGTERM');
  });
  const listening = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  return (listening[0] as [AddressInfo])[0].port;
}

const processes = Number(process.env.PROCESSES || '1');
if (cluster.isWorker) await serve();
else {
  const port = processes > 1 ? await serveInProcesses(processes) : await serve();
  console.log(`serving at http://127.0.0.1:${port}`);
}
