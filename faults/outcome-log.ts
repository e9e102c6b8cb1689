/**
 * What became of the requests of a run, kept as numbers in one buffer: hundreds of thousands of objects would make the
 * garbage collector pause the client, and a client that pauses charges the service for it.
 */

/**
 * What became of a request: the status of its reply; `refused`, when no connection could be made and so nothing was
 * sent; `lost`, when it was sent and the connection closed without a reply.
 */
export interface Outcome {
  readonly became: number | 'refused' | 'lost';
  readonly scheduledMs: number;
  readonly latencyMs: number;
  readonly retryAfter: boolean;
  /** Why it was refused or lost. */
  readonly reason?: string;
}

/** In the column of the status, where there was no reply. */
const codes = { refused: -1, lost: -2 } as const;

/** Status or code, whether there was a Retry-After, scheduledMs, latencyMs. */
const columns = 4;

/** Room to begin with, 2 MiB: most runs never grow it. */
const outcomesAtFirst = 65_536;

export class OutcomeLog {
  #numbers = new Float64Array(columns * outcomesAtFirst);
  readonly #reasons = new Map<number, string>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  reply(status: number, retryAfter: boolean, scheduledMs: number, latencyMs: number): void {
    this.#add(status, retryAfter, scheduledMs, latencyMs);
  }

  noReply(became: 'refused' | 'lost', reason: string, scheduledMs: number, latencyMs: number): void {
    this.#reasons.set(this.#count, reason);
    this.#add(codes[became], false, scheduledMs, latencyMs);
  }

  /** In the order in which they came. */
  all(): Outcome[] {
    return Array.from({ length: this.#count }, (_, index) => {
      const column = (number: number) => this.#numbers[columns * index + number];
      const status = column(0);
      const rest = { retryAfter: column(1) === 1, scheduledMs: column(2), latencyMs: column(3) };
      if (status >= 0) return { became: status, ...rest };
      const reason = this.#reasons.get(index) as string;
      return { became: status === codes.lost ? 'lost' : 'refused', ...rest, reason };
    });
  }

  #add(status: number, retryAfter: boolean, scheduledMs: number, latencyMs: number): void {
    const at = columns * this.#count;
    if (at === this.#numbers.length) {
      const larger = new Float64Array(2 * at);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[at] = status;
    this.#numbers[at + 1] = retryAfter ? 1 : 0;
    this.#numbers[at + 2] = scheduledMs;
    this.#numbers[at + 3] = latencyMs;
    this.#count += 1;
  }
}
