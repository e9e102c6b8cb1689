/**
 * Offers load at a fixed rate whatever the service does: requests arrive by a schedule drawn in advance (a seeded
 * Poisson process), and a latency counts from the scheduled time. So a service that stalls is charged for every request
 * that would have come meanwhile, which a client that waits for replies would not send (coordinated omission).
 */
import { uniforms } from '../bench/bodies.js';
import { type Outcome, OutcomeLog } from './outcome-log.js';
import { headerOf, isReply, WireConnection } from './wire.js';

export interface OpenLoopOptions {
  readonly port: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly bytes: Buffer;
  /** Connections of the client. A request that finds all of them busy waits, and its latency goes on counting. */
  readonly connectionsMax: number;
}

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #uniform: () => number;
  readonly #outcomes = new OutcomeLog();
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

  /**
   * Sends nothing more that is scheduled from now on; resolves once everything sent has settled, and closes the
   * connections.
   */
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
    return this.#outcomes.all();
  }

  /** How many requests have settled so far. */
  get settled(): number {
    return this.#outcomes.count;
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
        const reason = error.code ?? error.message;
        this.#outcomes.noReply('refused', reason, scheduledMs, performance.now() - scheduledMs);
        this.#settle();
      },
    );
  }

  async #send(connection: WireConnection, scheduledMs: number): Promise<void> {
    const answer = await connection.request(this.#options.bytes);
    if (connection.reusable) this.#idle.push(connection);
    else this.#drop(connection);
    const latencyMs = performance.now() - scheduledMs;
    if (isReply(answer)) {
      this.#outcomes.reply(answer.status, headerOf(answer, 'retry-after') !== undefined, scheduledMs, latencyMs);
    } else {
      this.#outcomes.noReply('lost', answer.closed, scheduledMs, latencyMs);
    }
    this.#settle();
  }

  #drop(connection: WireConnection): void {
    this.#connections -= 1;
    connection.destroy();
  }

  #settle(): void {
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
