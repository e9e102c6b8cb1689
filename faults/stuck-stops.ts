/**
 * Stops that cannot come to their end, because a worker is inside a batch: a second signal and the hard limit end them.
 */
import { batchLine, marks } from './preload/marks.js';
import { workerBytes } from './requests.js';
import type { Checks } from './scenario.js';
import { type Exit, Service } from './service.js';
import { pause, until } from './time.js';
import { WireConnection } from './wire.js';

const shutdownTimeoutMs = 1000;
const softwareExit = 70;
const secondSignalExit = 143;
const exitMsMax = 20_000;
/** Longer than the service takes a signal that comes again for the same one. */
const repeatMs = 1500;

/** The service with its only worker inside a batch that does not end, after its first SIGTERM. */
async function stopping(environment: Readonly<Record<string, string>>): Promise<Service> {
  // The file never comes. The watchdog is not to be what ends it.
  const held = { HOLD_FILE: '/nonexistent/release', WATCHDOG_MS: '600000' };
  const service = await Service.start({ preload: 'worker-faults', environment: { ...held, ...environment } });
  const connection = await WireConnection.open(service.port);
  connection.request(workerBytes(marks.holds));
  await until('the worker is held', () => service.stderr.includes(batchLine(marks.holds)));
  service.signal('SIGTERM');
  await until('the log says so', () => service.log.some(({ msg }) => String(msg).startsWith('stopping')));
  return service;
}

/** From Node.js 22.15 on a process can end by a code whatever its threads are doing; before, it kills itself. */
const endsByCode = 'execve' in process;

function exitBy(code: number): Exit {
  return endsByCode ? [code, null] : [null, 'SIGKILL'];
}

/** How it ended by itself; one that does not is killed in the end. */
async function exitOf(service: Service): Promise<Exit | 'did not end'> {
  let forced = false;
  const force = setTimeout(() => {
    forced = true;
    service.signal('SIGKILL');
  }, exitMsMax);
  const exit = await service.exit;
  clearTimeout(force);
  return forced ? 'did not end' : exit;
}

export interface StuckStop {
  readonly name: string;
  readonly exit: string;
}

export async function stuckStops(checks: Checks): Promise<readonly StuckStop[]> {
  const twice = await stopping({});
  // Sooner it would count as the same signal, passed on.
  await pause(repeatMs);
  twice.signal('SIGTERM');
  const second = await exitOf(twice);
  checks.equal('a second SIGTERM ends a stop that is stuck', second, exitBy(secondSignalExit));
  const limited = await stopping({ SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) });
  const limit = await exitOf(limited);
  checks.equal('SHUTDOWN_TIMEOUT_MS ends a stop that is stuck', limit, exitBy(softwareExit));
  const stops = [
    ['a second SIGTERM', second],
    [`SHUTDOWN_TIMEOUT_MS ${shutdownTimeoutMs}`, limit],
  ] as const;
  return stops.map(([name, exit]) => ({ name, exit: typeof exit === 'string' ? exit : String(exit[0] ?? exit[1]) }));
}
