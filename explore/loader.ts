/**
 * Loads the replies of one view: waits until the reader pauses, drops what a newer question overtook, and does not ask
 * again what it has just been told, since the same request always has the same reply.
 */
import type { ServiceRequest } from './requests.js';
import { post, type Reply, Unanswered } from './service.js';

/** How long the reader must pause before the service is asked. */
const pauseMs = 120;

export interface Listener {
  /** Replies in the order of the requests. */
  readonly answered: (replies: readonly Reply[]) => void;
  readonly unanswered: (message: string) => void;
  readonly waiting: () => void;
}

export class Loader {
  readonly #listener: Listener;
  /** Replies to the requests of the last question that was answered, by their text. */
  #known = new Map<string, Reply>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  load(requests: readonly ServiceRequest[]): void {
    this.stop();
    const replies = requests.map((request) => this.#known.get(JSON.stringify(request)));
    if (replies.every((reply) => reply !== undefined)) {
      this.#listener.answered(replies);
      return;
    }
    const abort = new AbortController();
    this.#abort = abort;
    this.#listener.waiting();
    this.#timer = setTimeout(() => void this.#ask(requests, abort), pauseMs);
  }

  /** No answer to an earlier question will come. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  async #ask(requests: readonly ServiceRequest[], abort: AbortController): Promise<void> {
    try {
      const known = new Map<string, Reply>();
      const replies = await Promise.all(
        requests.map(async (request) => {
          const text = JSON.stringify(request);
          const reply = this.#known.get(text) ?? (await post(request, abort.signal));
          known.set(text, reply);
          return reply;
        }),
      );
      if (abort.signal.aborted) return;
      this.#known = known;
      this.#listener.answered(replies);
    } catch (error) {
      if (abort.signal.aborted) return;
      // The other requests of the question are of no use any more.
      abort.abort();
      if (!(error instanceof Unanswered)) throw error;
      this.#listener.unanswered(error.message);
    }
  }
}
