/**
 * A light client on a thread of its own: one request at a time over one connection, a short pause between them, the
 * latency of each kept. What loads the service meanwhile is left to the caller; on its own thread the probe is not held
 * up by it.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface ProbeRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  /** Pause between a reply and the next request. */
  readonly pauseMs: number;
}

/** Times are of the monotonic clock of the process, in milliseconds. */
export interface Observation {
  readonly startMs: number;
  readonly latencyMs: number;
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Starts probing; `finish` ends it and gives back what was observed. */
export async function startProbe(probeRequest: ProbeRequest): Promise<{ finish: () => Promise<Observation[]> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: probeRequest });
  const observed = once(worker, 'message') as Promise<[Observation[]]>;
  observed.catch(() => {});
  await once(worker, 'online');
  return {
    finish: async () => {
      worker.postMessage('finish');
      return (await observed)[0];
    },
  };
}

/** The status of one exchange; anything but 200 is a mistake of the benchmark or of the service. */
function exchange({ url, method, body }: ProbeRequest, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    const sent = request(url, { method, agent, headers, timeout: 60_000 }, (response) => {
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${method} ${url} replied ${response.statusCode}`));
      });
    });
    sent.once('timeout', () => sent.destroy(new Error(`${method} ${url} timed out`)));
    sent.once('error', reject);
    sent.end(body);
  });
}

async function probe(probeRequest: ProbeRequest): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const observations: Observation[] = [];
  let finishing = false;
  parentPort?.once('message', () => {
    finishing = true;
  });
  while (!finishing) {
    const startMs = nowMs();
    await exchange(probeRequest, agent);
    observations.push({ startMs, latencyMs: nowMs() - startMs });
    await sleep(probeRequest.pauseMs);
  }
  agent.destroy();
  parentPort?.postMessage(observations);
}

if (!isMainThread) await probe(workerData as ProbeRequest);
