/**
 * A bystander, the CPU and the memory of the service while something is done to it. Bounds on them are stated before.
 */
import { Bystander, type BystanderResult } from './bystander.js';
import { cpuMs, livezCpuMs } from './cpu.js';
import type { Checks } from './scenario.js';
import type { Service } from './service.js';

/** Everybody else is answered within so long, of 99 in a hundred. */
const bystanderP99MsMax = 20;

export interface Siege {
  readonly name: string;
  readonly seconds: number;
  /** CPU time of the HTTP thread, less what the requests of the bystander use when it asks alone. */
  readonly httpThreadMs: number;
  /** As many GET /livez would have used as much. */
  readonly httpThreadLivez: number;
  readonly processMs: number;
  readonly residentMiB: number;
  readonly grownMiB: number;
  readonly bystander: BystanderResult;
}

export interface Bounds {
  /** CPU of the HTTP thread, however long it took, in GET /livez that would use as much. */
  readonly livezMax: number;
  readonly grownMiBMax: number;
}

/** What happens while `attack` runs. The bystander has so many connections, the usual number where it is left out. */
export async function siege(
  service: Service,
  name: string,
  attack: () => Promise<void>,
  connections?: number,
): Promise<Siege> {
  const bystander = await Bystander.start(service.port, '/livez', 5, connections);
  const livezMs = await livezCpuMs(service, bystander);
  const residentMiB = service.resetPeakMemory();
  const before = { cpu: cpuMs(service.pid), ms: performance.now() };
  await attack();
  const seen = await bystander.stop();
  const cpu = cpuMs(service.pid);
  const { peakMiB } = service.memory();
  const httpThreadMs = cpu.httpThread - before.cpu.httpThread - seen.count * livezMs;
  return {
    name,
    seconds: (performance.now() - before.ms) / 1000,
    httpThreadMs,
    httpThreadLivez: Math.round(httpThreadMs / livezMs),
    processMs: cpu.process - before.cpu.process,
    residentMiB: peakMiB,
    grownMiB: peakMiB - residentMiB,
    bystander: seen,
  };
}

export function checkSiege(
  checks: Checks,
  { name, httpThreadLivez, grownMiB, bystander }: Siege,
  { livezMax, grownMiBMax }: Bounds,
): void {
  checks.equal(`${name}: the bystander was always answered`, bystander.lost, 0);
  checks.atMost(`${name}: CPU of the HTTP thread, in GET /livez`, httpThreadLivez, livezMax);
  checks.atMost(`${name}: growth of resident memory`, grownMiB, grownMiBMax, ' MiB');
}

export function checkBystander(checks: Checks, { name, bystander }: Siege): void {
  checks.timeAtMost(`${name}: p99 of the bystander`, bystander.p99Ms, bystanderP99MsMax);
}

export const siegeHeaders = [
  'attack',
  'seconds',
  'HTTP thread, CPU ms',
  'in GET /livez',
  'process, CPU ms',
  'resident at most, MiB',
  'grown, MiB',
  '/livez, n',
  'p50 ms',
  'p99 ms',
  'max ms',
] as const;

export function siegeRow(siege: Siege) {
  const { name, seconds, httpThreadMs, httpThreadLivez, processMs, residentMiB, grownMiB, bystander } = siege;
  const { count, p50Ms, p99Ms, maxMs } = bystander;
  return [name, seconds, httpThreadMs, httpThreadLivez, processMs, residentMiB, grownMiB, count, p50Ms, p99Ms, maxMs];
}
