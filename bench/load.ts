/**
 * Drives one target for a few seconds and measures. Any reply that is not a 2xx of the same length as the
 * others ends the benchmark: with a fixed seed every reply is the same, so nothing else can be a sample.
 */
import type { Sent } from './bodies.js';
import { Connection, type Reply, requestBytes } from './connection.js';
import { cpuMs, type Target } from './targets.js';

/** Connections of the client. */
export interface Connections {
  readonly connections: number;
  /**
   * Fewer for binary tensors and for draws of 1.6 million elements: 32 bodies of 6.4 MB and as large replies are more
   * than BODY_BYTES_IN_FLIGHT_MAX, and 32 such draws more than QUEUE_ELEMENTS_MAX.
   */
  readonly fewConnections: number;
}

export interface LoadOptions {
  readonly connections: number;
  /** Replies of the first seconds are not counted: sockets, caches and the JIT warm up. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface Measured {
  readonly requestsPerSecond: number;
  readonly latenciesMs: readonly number[];
  /** CPU time of the target for one request, all its threads. */
  readonly cpuMsPerRequest: number | undefined;
  /** Share of one core that this process used: near 1, the client and not the target set the pace. */
  readonly clientCpuShare: number;
}

/** What happens between the end of the warm-up and the end of the measurement. */
class Window {
  readonly latenciesMs: number[] = [];
  readonly #target: Target;
  #open = false;
  #startMs = 0;
  #endMs = 0;
  #targetCpuMs: number | undefined;
  #client = process.cpuUsage();

  constructor(target: Target) {
    this.#target = target;
  }

  open(): void {
    this.#open = true;
    this.#startMs = performance.now();
    this.#targetCpuMs = cpuMs(this.#target.pid);
    this.#client = process.cpuUsage();
  }

  count(latencyMs: number): void {
    if (this.#open) this.latenciesMs.push(latencyMs);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#endMs = performance.now();
    const after = cpuMs(this.#target.pid);
    if (after !== undefined && this.#targetCpuMs !== undefined) this.#targetCpuMs = after - this.#targetCpuMs;
    this.#client = process.cpuUsage(this.#client);
  }

  measured(): Measured {
    const { latenciesMs } = this;
    if (latenciesMs.length === 0) throw new Error(`The ${this.#target.name} answered nothing while it was measured`);
    const windowMs = this.#endMs - this.#startMs;
    return {
      requestsPerSecond: latenciesMs.length / (windowMs / 1000),
      latenciesMs,
      cpuMsPerRequest: this.#targetCpuMs === undefined ? undefined : this.#targetCpuMs / latenciesMs.length,
      clientCpuShare: (this.#client.user + this.#client.system) / 1000 / windowMs,
    };
  }
}

/** Posts to the target without pause over every connection. */
export async function drive(
  target: Target,
  sent: Sent,
  { connections, warmUpSeconds, seconds }: LoadOptions,
): Promise<Measured> {
  const window = new Window(target);
  const bytes = requestBytes(target.url, sent);
  let expected = 0;
  let over = false;
  const timers = [
    setTimeout(() => window.open(), warmUpSeconds * 1000),
    setTimeout(
      () => {
        window.close();
        over = true;
      },
      (warmUpSeconds + seconds) * 1000,
    ),
  ];
  const check = ({ status, bytes: length }: Reply, latencyMs: number) => {
    expected ||= length;
    if (status !== 200 || length !== expected) {
      throw new Error(`The ${target.name} replied ${status} with ${length} bytes where ${expected} were expected`);
    }
    window.count(latencyMs);
  };
  try {
    const open = Array.from(
      { length: connections },
      () => new Connection(target.url, () => (over ? undefined : bytes), check),
    );
    await Promise.all(open.map(({ closed }) => closed));
  } finally {
    over = true;
    for (const timer of timers) clearTimeout(timer);
  }
  return window.measured();
}
