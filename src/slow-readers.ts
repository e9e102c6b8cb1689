/**
 * Closes the connections of clients that do not take their reply in time: what waits to be sent is memory, and Node has no limit of its
 * own for it.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { whenOver } from './reply-end.js';
import { type Placed, ShortLivedSet } from './short-lived-set.js';

/** How often replies under way are looked at. */
const checkIntervalMs = 1000;

/** A reply that has begun. */
interface UnderWay extends Placed {
  readonly reply: ServerResponse;
  readonly startedAtMs: number;
}

/** Gives every reply it is told of that long from its first byte to its last. */
export class SlowReaders {
  readonly #underWay = new ShortLivedSet<UnderWay>();
  readonly #replyTimeoutMs: number;

  constructor(replyTimeoutMs: number) {
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  /** A reply begins. */
  watch(reply: ServerResponse): void {
    const underWay = { reply, startedAtMs: performance.now(), place: 0 };
    this.#underWay.add(underWay);
    whenOver(reply, () => this.#underWay.delete(underWay));
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
    for (const { reply, startedAtMs } of this.#underWay) {
      if (startedAtMs < since) reply.destroy();
    }
  }
}
