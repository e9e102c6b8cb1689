/** Stops that cannot come to their end, because a worker is inside a batch: a second signal and the hard limit end them. */
import { batchLine, marks } from './preload/marks.js';
import { drawBytes } from './requests.js';
import type { Checks } from './scenario.js';
import { type Exit, Service } from './service.js';
import { until } from './time.js';
import { WireConnection } from './wire.js';

const shutdownTimeoutMs = 1000;
const softwareExit = 70;

/** The service with its only worker inside a batch that does not end, after its first SIGTERM. */
async function stopping(environment: Readonly<Record<string, string>>): Promise<Service> {
  // The file never comes. The watchdog is not to be what ends it.
  const held = { HOLD_FILE: '/nonexistent/release', WATCHDOG_MS: '600000' };
  const service = await Service.start({ preload: 'worker-faults', environment: { ...held, ...environment } });
  const connection = await WireConnection.open(service.port);
  connection.request(drawBytes(marks.holds));
  await until('the worker is held', () => service.stderr.includes(batchLine(marks.holds)));
  service.signal('SIGTERM');
  await until('the log says so', () => service.log.some(({ msg }) => String(msg).startsWith('stopping')));
  return service;
}

/** One that does not end is killed in the end, which shows in its exit. */
async function exitOf(service: Service): Promise<Exit> {
  const force = setTimeout(() => service.signal('SIGKILL'), 20_000);
  const exit = await service.exit;
  clearTimeout(force);
  return exit;
}

export interface StuckStop {
  readonly name: string;
  readonly exit: string;
}

function ended(name: string, [code, signal]: Exit): StuckStop {
  return { name, exit: String(code ?? signal) };
}

export async function stuckStops(checks: Checks): Promise<readonly StuckStop[]> {
  const twice = await stopping({});
  twice.signal('SIGTERM');
  const second = await exitOf(twice);
  checks.that(
    'a second SIGTERM ends a stop that is stuck, with a code other than 0',
    second[0] !== 0 && second[1] !== 'SIGKILL' && second[1] !== 'SIGABRT',
    second,
  );
  const limited = await stopping({ SHUTDOWN_TIMEOUT_MS: String(shutdownTimeoutMs) });
  const limit = await exitOf(limited);
  checks.equal('SHUTDOWN_TIMEOUT_MS ends a stop that is stuck', limit, [softwareExit, null]);
  return [ended('a second SIGTERM', second), ended(`SHUTDOWN_TIMEOUT_MS ${shutdownTimeoutMs}`, limit)];
}
