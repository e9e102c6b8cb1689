/**
 * Closes the connections of clients that do not take their reply in time: what waits to be sent is memory, and Node has no limit of its
 * own for it.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { whenOver } from './reply-end.js';

/** How often replies under way are looked at. */
const checkIntervalMs = 1000;

/** Gives every reply it is told of that long from its first byte to its last. */
export class SlowReaders {
  readonly #underWay = new Map<ServerResponse, number>();
  readonly #replyTimeoutMs: number;

  constructor(replyTimeoutMs: number) {
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  /** A reply begins. */
  watch(reply: ServerResponse): void {
    this.#underWay.set(reply, performance.now());
    whenOver(reply, () => this.#underWay.delete(reply));
  }

  /** Watches every reply of `app`, and looks for slow readers until it closes. */
  watchAll(app: FastifyInstance): void {
    app.addHook('onSend', (_request, reply, payload, done) => {
      this.watch(reply.raw);
      done(null, payload);
    });
    const check = setInterval(() => this.#close(), checkIntervalMs);
    check.unref();
    app.addHook('onClose', async () => clearInterval(check));
  }

  #close(): void {
    const since = performance.now() - this.#replyTimeoutMs;
    for (const [reply, startedAtMs] of this.#underWay) {
      if (startedAtMs < since) reply.destroy();
    }
  }
}
