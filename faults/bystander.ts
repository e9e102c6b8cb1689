/**
 * Somebody who asks the service something small all the time, on a connection of its own, while others do their worst: how late its
 * replies are shows what the others cost everybody. It runs on a thread of its own, so that it measures the service and not
 * the event loop that plays the attackers. And what the process of the service has used of the CPU meanwhile.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
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
  readonly status: number;
}

/** How long the bystander waits for a reply before it counts it as lost and connects again. */
const replyMsMax = 30_000;

export class Bystander {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /**
   * Asks once every `intervalMs` from now on; resolves once it has been answered for the first time, which it does not count.
   *
   * @param request a path to GET, or the bytes of a request that keeps its connection
   * @param status the status of every reply that counts
   */
  static async start(port: number, request: string | Buffer = '/livez', intervalMs = 5, status = 200) {
    const bytes = typeof request === 'string' ? getBytes(request) : request;
    const task: Task = { port, bytes, intervalMs, status };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    await once(worker, 'message');
    return new Bystander(worker);
  }

  /** Waits for the reply under way and ends the thread. */
  async stop(): Promise<BystanderResult> {
    const result = once(this.#worker, 'message');
    this.#worker.postMessage('stop');
    const [{ latencies, lost }] = (await result) as [{ latencies: number[]; lost: number }];
    const at = (p: number) => (latencies.length > 0 ? percentile(latencies, p) : 0);
    return { count: latencies.length, lost, p50Ms: at(50), p99Ms: at(99), maxMs: at(100) };
  }
}

/** The thread: one request after another by a schedule. Those that a stall has delayed count from when they were to be sent. */
async function ask({ port, bytes, intervalMs, status }: Task): Promise<void> {
  const request = Buffer.from(bytes);
  const latencies: number[] = [];
  let lost = 0;
  let over = false;
  parentPort?.once('message', () => {
    over = true;
  });
  let connection = await WireConnection.open(port);
  const askOnce = async () => {
    const timer = setTimeout(() => connection.destroy(), replyMsMax);
    const answer = await connection.request(request);
    clearTimeout(timer);
    if (!connection.reusable) {
      connection.destroy();
      connection = await WireConnection.open(port).catch(() => connection);
    }
    return isReply(answer) && answer.status === status;
  };
  await askOnce();
  parentPort?.postMessage('started');
  let scheduledMs = performance.now();
  while (!over) {
    const waitMs = scheduledMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (await askOnce()) latencies.push(performance.now() - scheduledMs);
    else lost += 1;
    scheduledMs += intervalMs;
  }
  connection.destroy();
  parentPort?.postMessage({ latencies, lost });
}

export interface CpuMs {
  /** User and system time of all threads of the process, in ticks of 10 ms. */
  readonly process: number;
  /** Of its main thread, which speaks HTTP, to the nanosecond. */
  readonly httpThread: number;
}

/** The kernel counts in ticks of USER_HZ, which is 100 on every architecture that Node.js runs on. */
const tickMs = 10;

/** What a process has used of the CPU since its start, in milliseconds. */
export function cpuMs(pid: number): CpuMs {
  // The name of the program stands in parentheses and may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return { process: (user + system) * tickMs, httpThread: Number(nanoseconds) / 1e6 };
}

if (!isMainThread && parentPort) await ask(workerData as Task);
