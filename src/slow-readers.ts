/**
 * Closes the connections of clients that do not take their reply in time: what waits to be sent is memory, and Node has no limit of its
 * own for it.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { whenOver } from './reply-end.js';

/** How often replies under way are looked at. */
const checkIntervalMs = 1000;

/** Gives every reply of `app` that long from its first byte to its last. */
export function closeSlowReaders(app: FastifyInstance, replyTimeoutMs: number): void {
  const underWay = new Map<FastifyReply['raw'], number>();
  app.addHook('onSend', (_request, reply, payload, done) => {
    underWay.set(reply.raw, performance.now());
    whenOver(reply.raw, () => underWay.delete(reply.raw));
    done(null, payload);
  });
  const check = setInterval(() => {
    const since = performance.now() - replyTimeoutMs;
    for (const [raw, startedAtMs] of underWay) {
      if (startedAtMs < since) raw.destroy();
    }
  }, checkIntervalMs);
  check.unref();
  app.addHook('onClose', async () => clearInterval(check));
}
