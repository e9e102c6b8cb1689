/**
 * Somebody who asks the service something small all the time, on connections of its own, while others do their worst:
 * how late its replies are shows what the others cost everybody. It runs on a thread of its own, so that it measures
 * the service and not the event loop that plays the attackers.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { percentile } from '../bench/statistics.js';
import { getBytes } from './requests.js';
import { isReply, WireConnection } from './wire.js';

export interface BystanderResult {
  /** Requests that were answered with the status that was expected. */
  readonly count: number;
  /** Requests that were answered with another status, or not at all. */
  readonly lost: number;
  /** Latencies of those that were answered, from the time the schedule had for them; 0 where there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Task {
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly intervalMs: number;
  readonly connections: number;
}

/** How long the bystander waits for a reply before it counts it as lost and connects again. */
const replyMsMax = 30_000;

/**
 * So many probes may wait at a time, as those of independent callers do; on a single one each would count the waits of
 * those before it.
 */
const connectionsUsual = 8;

type Asked = 'take' | 'stop';

export class Bystander {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /**
   * Asks once every `intervalMs` from now on; resolves once it has been answered for the first time, which it does not
   * count.
   *
   * @param request a path to GET, or the bytes of a request that keeps its connection
   * @param connections how many it has, all in use
   */
  static async start(
    port: number,
    request: string | Buffer = '/livez',
    intervalMs = 5,
    connections = connectionsUsual,
  ): Promise<Bystander> {
    const bytes = typeof request === 'string' ? getBytes(request) : request;
    const task: Task = { port, bytes, intervalMs, connections };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    await once(worker, 'message');
    return new Bystander(worker);
  }

  /** What was measured since the start, or since this was last asked. */
  take(): Promise<BystanderResult> {
    return this.#result('take');
  }

  /** Waits for the reply under way and ends the thread. */
  stop(): Promise<BystanderResult> {
    return this.#result('stop');
  }

  async #result(asked: Asked): Promise<BystanderResult> {
    const result = once(this.#worker, 'message');
    this.#worker.postMessage(asked);
    const [{ latencies, lost }] = (await result) as [{ latencies: number[]; lost: number }];
    const at = (p: number) => (latencies.length > 0 ? percentile(latencies, p) : 0);
    return { count: latencies.length, lost, p50Ms: at(50), p99Ms: at(99), maxMs: at(100) };
  }
}

/** Connections of which each has one request at a time. */
class Connections {
  readonly #port: number;
  readonly #idle: WireConnection[];
  readonly #waiting: ((connection: WireConnection) => void)[] = [];

  constructor(port: number, idle: WireConnection[]) {
    this.#port = port;
    this.#idle = idle;
  }

  static async open(port: number, count: number): Promise<Connections> {
    return new Connections(port, await Promise.all(Array.from({ length: count }, () => WireConnection.open(port))));
  }

  /** The one that has been idle longest, so that none is for long enough to be closed. */
  async take(): Promise<WireConnection> {
    return this.#idle.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  async give(connection: WireConnection): Promise<void> {
    if (!connection.reusable) connection.destroy();
    const next = connection.reusable ? connection : await WireConnection.open(this.#port).catch(() => connection);
    const waits = this.#waiting.shift();
    if (waits) waits(next);
    else this.#idle.push(next);
  }

  close(): void {
    for (const connection of this.#idle) connection.destroy();
  }
}

/** The thread: requests by a schedule, each of which counts from when it was to be sent, whatever has delayed it. */
async function ask({ port, bytes, intervalMs, connections: count }: Task): Promise<void> {
  const request = Buffer.from(bytes);
  let latencies: number[] = [];
  let lost = 0;
  let over = false;
  const give = () => {
    parentPort?.postMessage({ latencies, lost });
    latencies = [];
    lost = 0;
  };
  parentPort?.on('message', (asked: Asked) => {
    if (asked === 'take') give();
    else over = true;
  });
  const connections = await Connections.open(port, count);
  const askOnce = async () => {
    const connection = await connections.take();
    const timer = setTimeout(() => connection.destroy(), replyMsMax);
    const answer = await connection.request(request);
    clearTimeout(timer);
    await connections.give(connection);
    return isReply(answer) && answer.status === 200;
  };
  const askAt = async (scheduledMs: number) => {
    if (await askOnce()) latencies.push(performance.now() - scheduledMs);
    else lost += 1;
  };
  await askOnce();
  parentPort?.postMessage('started');
  const asked = new Set<Promise<void>>();
  for (let scheduledMs = performance.now(); !over; scheduledMs += intervalMs) {
    const waitMs = scheduledMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    // Timers may be a little early.
    const own = askAt(Math.min(scheduledMs, performance.now())).finally(() => asked.delete(own));
    asked.add(own);
  }
  await Promise.all(asked);
  connections.close();
  give();
  parentPort?.close();
}

if (!isMainThread && parentPort) await ask(workerData as Task);
