/**
 * Whether large requests keep small ones waiting: the latency of /livez under three kinds of load without pause, and
 * that of a small request beside one draw of 2^27 elements.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, fewConnections, jsonPost, makeCase, requestBody } from './bodies.js';
import { nowMs, type Observation, startProbe } from './probe.js';
import { median, percentile } from './statistics.js';
import { post, settle, type Target } from './targets.js';
import { drive, type LoadOptions, leadSeconds } from './wrk.js';

export interface FreedomResult {
  readonly probe: string;
  readonly beside: string;
  readonly probes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** What the load was meanwhile, or the median duration of one draw. */
  readonly load:
    | { readonly requestsPerSecond: number; readonly cpuUs: number | undefined }
    | { readonly drawMs: number }
    | undefined;
}

const probePauseMs = 5;

function summarise(
  probe: string,
  beside: string,
  observations: readonly Observation[],
  load: FreedomResult['load'],
): FreedomResult {
  const latencies = observations.map(({ latencyMs }) => latencyMs);
  return {
    probe,
    beside,
    probes: latencies.length,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    maxMs: percentile(latencies, 100),
    load,
  };
}

/** /livez while nothing happens: what the machine and the probe themselves cost. */
async function livezIdle(service: Target, seconds: number): Promise<FreedomResult> {
  const probe = await startProbe({ url: `${service.url}/livez`, method: 'GET', pauseMs: probePauseMs });
  await sleep(seconds * 1000);
  return summarise('GET /livez', 'nothing', await probe.finish(), undefined);
}

async function livezBeside(service: Target, beside: string, sent: Case, load: LoadOptions): Promise<FreedomResult> {
  const driven = drive(service, sent, load);
  driven.catch(() => {});
  await sleep((load.warmUpSeconds + leadSeconds) * 1000);
  const probe = await startProbe({ url: `${service.url}/livez`, method: 'GET', pauseMs: probePauseMs });
  await sleep(load.seconds * 1000 - 100);
  const observations = await probe.finish();
  const { requestsPerSecond, cpuUs } = await driven;
  await settle();
  return summarise('GET /livez', beside, observations, { requestsPerSecond, cpuUs });
}

/** Small requests that lie wholly within one of several draws of 2^27 elements. */
async function smallBesideLargest(service: Target, draws: number): Promise<FreedomResult> {
  const largest = requestBody(
    { rows: 1, categories: 1024 },
    { temperature: 0.5, seed: 42, num_samples: 2 ** 17, return: ['indices'] },
  );
  const probe = await startProbe({
    url: `${service.url}/sample`,
    method: 'POST',
    body: requestBody({ rows: 1, categories: 10 }, { temperature: 0.5, seed: 42 }),
    pauseMs: probePauseMs,
  });
  const intervals: { startMs: number; endMs: number }[] = [];
  for (let draw = 0; draw < draws; draw++) {
    await sleep(100);
    const startMs = nowMs();
    await post(service, jsonPost('/sample', largest));
    intervals.push({ startMs, endMs: nowMs() });
  }
  const observations = await probe.finish();
  const beside = observations.filter(({ startMs, latencyMs }) =>
    intervals.some((draw) => startMs >= draw.startMs && startMs + latencyMs <= draw.endMs),
  );
  if (beside.length === 0) throw new Error('No small request was answered while a draw of 2^27 elements ran');
  const drawMs = median(intervals.map(({ startMs, endMs }) => endMs - startMs));
  return summarise('POST 1x10', 'one draw of 2^27 elements', beside, { drawMs });
}

export async function measureFreedom(service: Target, load: LoadOptions, draws: number): Promise<FreedomResult[]> {
  const few = { ...load, connections: fewConnections };
  const indices = makeCase({ rows: 1, categories: 50_257 }, 'indices', 32);
  const bodies = makeCase({ rows: 64, categories: 1000 }, 'soft');
  const tensors = makeCase({ rows: 32, categories: 50_257 }, 'binary');
  return [
    await livezIdle(service, load.seconds),
    await livezBeside(service, '1x50257, num_samples 32, indices, without pause', indices, few),
    await livezBeside(service, '64x1000 soft, without pause', bodies, load),
    await livezBeside(service, '32x50257 binary, without pause', tensors, few),
    await smallBesideLargest(service, draws),
  ];
}
