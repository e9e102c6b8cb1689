/**
 * SIGTERM while clients do not read their replies, send slowly, or keep idle connections: the stop ends in its time,
 * with code 0.
 */
import { RawSocket } from './raw-socket.js';
import { drawBytes, getBytes, postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';

const shutdownTimeoutMs = { full: 20_000, short: 4000 } as const;

/** A reply of some 5.5 MB, more than the sockets of a connection hold. */
const unread = drawBytes(100, { num_samples: 5000, seed: 42, return: ['samples'] });
const slowBody = postBytes('/sample', '{"logits":[1').subarray(0, -1);

async function stopWith(
  name: string,
  clients: (service: Service) => Promise<RawSocket[]>,
  timeoutMs: number,
  checks: Checks,
) {
  const service = await Service.start({ environment: { SHUTDOWN_TIMEOUT_MS: String(timeoutMs) } });
  const sockets = await clients(service);
  const startMs = performance.now();
  service.signal('SIGTERM');
  const exit = await service.exit;
  const stopMs = performance.now() - startMs;
  checks.equal(`${name}: it ended with 0`, exit, [0, null]);
  checks.timeAtMost(`${name}: the stop, SHUTDOWN_TIMEOUT_MS`, stopMs, timeoutMs);
  for (const { socket } of sockets) socket.destroy();
  return [name, stopMs, String(exit[0] ?? exit[1])];
}

/** Clients that stop reading once their reply has begun. */
async function slowReaders(service: Service): Promise<RawSocket[]> {
  const sockets = await RawSocket.openAll(service.port, 4);
  for (const each of sockets) {
    each.socket.once('data', () => each.socket.pause());
    each.socket.write(unread);
  }
  await Promise.all(sockets.map((each) => each.answered(1)));
  return sockets;
}

/** Clients that have been answered once and send `bytes` after that, and no more. */
async function stalled(service: Service, bytes: Buffer): Promise<RawSocket[]> {
  const sockets = await RawSocket.openAll(service.port, 4);
  for (const { socket } of sockets) socket.write(getBytes('/livez'));
  await Promise.all(sockets.map((each) => each.answered(1)));
  for (const { socket } of sockets) if (bytes.length > 0) socket.write(bytes);
  await service.get('/livez');
  return sockets;
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const timeoutMs = full ? shutdownTimeoutMs.full : shutdownTimeoutMs.short;
  const rows = [
    await stopWith('4 that do not read 5.5 MB', slowReaders, timeoutMs, checks),
    await stopWith('4 in the middle of a body', (service) => stalled(service, slowBody), timeoutMs, checks),
    await stopWith(
      '4 in the middle of a head',
      (service) => stalled(service, Buffer.from('GET /li')),
      timeoutMs,
      checks,
    ),
    await stopWith('4 idle', (service) => stalled(service, Buffer.alloc(0)), timeoutMs, checks),
  ];
  return {
    method: `SIGTERM with SHUTDOWN_TIMEOUT_MS ${timeoutMs} while four clients do nothing more.`,
    tables: [{ headers: ['clients', 'signal to exit, ms', 'exit'], rows }],
  };
}

export const unreadStopScenario: Scenario = {
  name: 'unread-stop',
  title: 'A stop while clients do not read, or send slowly',
  run,
};
