/**
 * What the service uses of the CPU, and the unit in which its bounds are stated. A millisecond of CPU buys something
 * else on every machine, and on the same one beside other work. So a bound counts GET /livez: how many of them would
 * have cost the HTTP thread as much, measured in the same service just before.
 */
import { readFileSync } from 'node:fs';
import type { Bystander } from './bystander.js';
import { getBytes } from './requests.js';
import type { Service } from './service.js';
import { pause } from './time.js';
import { WireConnection } from './wire.js';

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

/** A service that has just started compiles what answers them. */
const warmUpRequests = 500;

/** A hundred requests of a bystander that asks every 5 ms. */
const aloneMs = 500;

/** CPU of the HTTP thread for each GET /livez of a bystander that asks alone, in milliseconds; at least 0.01. */
export async function livezCpuMs(service: Service, bystander: Bystander): Promise<number> {
  const connection = await WireConnection.open(service.port);
  for (let sent = 0; sent < warmUpRequests; sent++) await connection.request(getBytes('/livez'));
  connection.destroy();
  await bystander.take();
  const before = cpuMs(service.pid).httpThread;
  await pause(aloneMs);
  const { count } = await bystander.take();
  return Math.max(0.01, (cpuMs(service.pid).httpThread - before) / Math.max(1, count));
}
