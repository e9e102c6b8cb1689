/**
 * A load and, beside it, another caller: its small draws and a probe. What H and I of the limits are about: who is hurt
 * by whom.
 */
import { Bystander, type BystanderResult } from './bystander.js';
import { afterSeconds, closedLoop } from './closed-loop.js';
import { drawBytes } from './requests.js';
import type { Checks, Options } from './scenario.js';
import type { Service } from './service.js';

/** In the full form, which has the machine to itself, these are checks. */
const smallMsMax = 100;
const livezMsMax = 20;

/** A caller that asks again before its last draw is done measures how fast the service is, and not how late. */
const smallIntervalMs = 50;

export interface Load {
  readonly name: string;
  readonly bytes: Buffer;
  readonly connections: number;
}

export interface BesideResult {
  readonly load: Load;
  readonly statuses: Readonly<Record<string, number>>;
  readonly small: BystanderResult;
  readonly livez: BystanderResult;
}

/**
 * Runs a load in a closed loop, whose clients ask again at once whatever they are told, beside small draws with the
 * given headers.
 */
export async function beside(
  service: Service,
  load: Load,
  { full }: Options,
  checks: Checks,
  headers: Readonly<Record<string, string>> = {},
): Promise<BesideResult> {
  const small = await Bystander.start(service.port, drawBytes(10, { seed: 42 }, headers), smallIntervalMs);
  const livez = await Bystander.start(service.port);
  const isOver = afterSeconds(full ? 10 : 2.5);
  const { statuses } = await closedLoop(service.port, load.bytes, { connections: load.connections, isOver });
  const result = { load, statuses, small: await small.stop(), livez: await livez.stop() };
  checks.that(
    `${load.name}: the small draws of another caller were all answered`,
    result.small.lost === 0,
    result.small,
  );
  checks.that(`${load.name}: so were probes`, result.livez.lost === 0, result.livez);
  checks.timeAtMost(`${load.name}: p99 of the small draws`, result.small.p99Ms, smallMsMax);
  checks.timeAtMost(`${load.name}: p99 of /livez`, result.livez.p99Ms, livezMsMax);
  return result;
}

export const besideHeaders = [
  'load',
  'connections',
  'its replies',
  'small draws',
  'refused or lost',
  'p50 ms',
  'p99 ms',
  'max ms',
  '/livez p99 ms',
] as const;

export function besideRow({ load, statuses, small, livez }: BesideResult): (string | number)[] {
  const replies = Object.entries(statuses).map(([status, count]) => `${count} x ${status}`);
  const { count, lost, p50Ms, p99Ms, maxMs } = small;
  return [load.name, load.connections, replies.join(', '), count, lost, p50Ms, p99Ms, maxMs, livez.p99Ms];
}
