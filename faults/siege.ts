/**
 * A bystander, the CPU and the memory of the service while something is done to it. Bounds on them are stated before.
 */
import { Bystander, type BystanderResult, cpuMs } from './bystander.js';
import type { Checks } from './scenario.js';
import type { Service } from './service.js';
import { every } from './time.js';

/**
 * Everybody else is answered within so long, of 99 in a hundred; a check of the full form only, on a machine that does
 * nothing else.
 */
const bystanderP99MsMax = 20;

const watchMs = 20;

export interface Siege {
  readonly name: string;
  readonly seconds: number;
  readonly httpThreadMs: number;
  readonly processMs: number;
  readonly residentMiB: number;
  readonly grownMiB: number;
  readonly bystander: BystanderResult;
}

export interface Bounds {
  /** CPU time of the HTTP thread, however long it took. */
  readonly httpThreadMsMax: number;
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
  const before = { cpu: cpuMs(service.pid), resident: service.memory().residentMiB, ms: performance.now() };
  let most = before.resident;
  const stop = every(watchMs, async () => {
    most = Math.max(most, service.memory().residentMiB);
  });
  await attack();
  await stop();
  const seen = await bystander.stop();
  const cpu = cpuMs(service.pid);
  return {
    name,
    seconds: (performance.now() - before.ms) / 1000,
    httpThreadMs: cpu.httpThread - before.cpu.httpThread,
    processMs: cpu.process - before.cpu.process,
    residentMiB: most,
    grownMiB: most - before.resident,
    bystander: seen,
  };
}

export function checkSiege(
  checks: Checks,
  { name, httpThreadMs, grownMiB, bystander }: Siege,
  bounds: Bounds,
  full: boolean,
) {
  const { httpThreadMsMax, grownMiBMax } = bounds;
  checks.equal(`${name}: the bystander was always answered`, bystander.lost, 0);
  checks.that(
    `${name}: at most ${httpThreadMsMax} ms of the HTTP thread`,
    httpThreadMs <= httpThreadMsMax,
    httpThreadMs,
  );
  checks.that(`${name}: resident memory grew by at most ${grownMiBMax} MiB`, grownMiB <= grownMiBMax, grownMiB);
  if (!full) return;
  const { p99Ms } = bystander;
  checks.that(`${name}: p99 of the bystander at most ${bystanderP99MsMax} ms`, p99Ms <= bystanderP99MsMax, p99Ms);
}

export const siegeHeaders = [
  'attack',
  'seconds',
  'HTTP thread, CPU ms',
  'process, CPU ms',
  'resident at most, MiB',
  'grown, MiB',
  '/livez, n',
  'p50 ms',
  'p99 ms',
  'max ms',
] as const;

export function siegeRow({ name, seconds, httpThreadMs, processMs, residentMiB, grownMiB, bystander }: Siege) {
  const { count, p50Ms, p99Ms, maxMs } = bystander;
  return [name, seconds, httpThreadMs, processMs, residentMiB, grownMiB, count, p50Ms, p99Ms, maxMs];
}
