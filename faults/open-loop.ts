/**
 * Offers load at a fixed rate whatever the service does: requests arrive by a schedule drawn in advance (a seeded Poisson
 * process), and a latency counts from the scheduled time. So a service that stalls is charged for every request that
 * would have come meanwhile, which a client that waits for replies would not send (coordinated omission).
 */
import { uniforms } from '../bench/bodies.js';
import { headerOf, isReply, WireConnection } from './wire.js';

export interface OpenLoopOptions {
  readonly port: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly bytes: Buffer;
  /** Connections of the client. A request that finds all of them busy waits, and its latency goes on counting. */
  readonly connectionsMax: number;
}

/**
 * What became of a request: the status of its reply; `refused`, when no connection could be made and so nothing was sent;
 * `lost`, when it was sent and the connection closed without a reply.
 */
export interface Outcome {
  readonly became: number | 'refused' | 'lost';
  readonly scheduledMs: number;
  readonly latencyMs: number;
  readonly retryAfter: boolean;
  /** Why it was refused or lost. */
  readonly reason?: string;
}

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #uniform: () => number;
  readonly outcomes: Outcome[] = [];
  readonly #idle: WireConnection[] = [];
  readonly #backlog: number[] = [];
  #connections = 0;
  #pending = 0;
  #nextMs: number;
  #over = false;
  #whenDone: (() => void) | undefined;
  readonly #timer: NodeJS.Timeout;

  /** Starts at once. */
  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#uniform = uniforms(options.seed);
    this.#nextMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), 1);
  }

  /** Sends nothing more that is scheduled from now on; resolves once everything sent has settled, and closes the connections. */
  async stop(): Promise<readonly Outcome[]> {
    this.#tick();
    this.#over = true;
    clearInterval(this.#timer);
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#whenDone = resolve;
      });
    }
    for (const connection of this.#idle) connection.destroy();
    return this.outcomes;
  }

  #tick(): void {
    const nowMs = performance.now();
    while (!this.#over && this.#nextMs <= nowMs) {
      this.#pending += 1;
      this.#dispatch(this.#nextMs);
      this.#nextMs -= (Math.log(1 - this.#uniform()) * 1000) / this.#options.ratePerSecond;
    }
  }

  #dispatch(scheduledMs: number): void {
    let connection = this.#idle.pop();
    while (connection && !connection.reusable) {
      this.#drop(connection);
      connection = this.#idle.pop();
    }
    if (connection) this.#send(connection, scheduledMs);
    else if (this.#connections < this.#options.connectionsMax) this.#connect(scheduledMs);
    else this.#backlog.push(scheduledMs);
  }

  #connect(scheduledMs: number): void {
    this.#connections += 1;
    WireConnection.open(this.#options.port).then(
      (connection) => this.#send(connection, scheduledMs),
      (error: NodeJS.ErrnoException) => {
        this.#connections -= 1;
        this.#settle({ became: 'refused', scheduledMs, retryAfter: false, reason: error.code ?? error.message });
      },
    );
  }

  async #send(connection: WireConnection, scheduledMs: number): Promise<void> {
    const answer = await connection.request(this.#options.bytes);
    if (connection.reusable) this.#idle.push(connection);
    else this.#drop(connection);
    if (isReply(answer)) {
      const retryAfter = headerOf(answer, 'retry-after') !== undefined;
      this.#settle({ became: answer.status, scheduledMs, retryAfter });
    } else {
      this.#settle({ became: 'lost', scheduledMs, retryAfter: false, reason: answer.closed });
    }
  }

  #drop(connection: WireConnection): void {
    this.#connections -= 1;
    connection.destroy();
  }

  #settle(outcome: Omit<Outcome, 'latencyMs'>): void {
    this.outcomes.push({ ...outcome, latencyMs: performance.now() - outcome.scheduledMs });
    this.#pending -= 1;
    const waiting = this.#backlog.shift();
    if (waiting !== undefined) this.#dispatch(waiting);
    if (this.#over && this.#pending === 0) this.#whenDone?.();
  }
}

/** How many requests became what. */
export function countOutcomes(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { became } of outcomes) counts[became] = (counts[became] ?? 0) + 1;
  return counts;
}

/** Latencies of the requests that became `wanted`. */
export function latenciesOf(outcomes: readonly Outcome[], wanted: Outcome['became']): number[] {
  return outcomes.filter(({ became }) => became === wanted).map(({ latencyMs }) => latencyMs);
}
