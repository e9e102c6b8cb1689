/**
 * SIGTERM while clients open one connection after another without a pause, as no client behind a balancer would:
 * closing a socket that listens resets the connections that the kernel has taken and the process has not.
 */
import { getBytes } from './requests.js';
import type { Checks } from './scenario.js';
import { Service } from './service.js';
import { isReply, WireConnection } from './wire.js';

const clients = 16;
const drainDelayMs = 1000;
const requestsMin = 4000;
const lastRequest = Buffer.from(getBytes('/livez').toString().replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));

export interface ConnectingStop {
  readonly stops: number;
  readonly requests: number;
  /** Connections that were taken and closed without a reply. */
  readonly reset: number;
}

/** One client: connects, asks and is answered, until nobody takes its connections any more. */
async function connectUntilRefused(port: number): Promise<{ asked: number; reset: number }> {
  for (let asked = 0, reset = 0; ; asked++) {
    try {
      const connection = await WireConnection.open(port);
      if (!isReply(await connection.request(lastRequest))) reset += 1;
      connection.destroy();
    } catch (error) {
      // A connection that is reset before its client has seen that it is there is one of those, too.
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') reset += 1;
      else return { asked, reset };
    }
  }
}

/** As many stops as it takes for so many requests: all of them in the full form, one stop otherwise. */
export async function connectingStops(full: boolean, checks: Checks): Promise<ConnectingStop> {
  let [stops, requests, reset] = [0, 0, 0];
  while (stops === 0 || (full && requests < requestsMin)) {
    const service = await Service.start({ environment: { DRAIN_DELAY_MS: String(drainDelayMs) } });
    const all = Promise.all(Array.from({ length: clients }, () => connectUntilRefused(service.port)));
    service.signal('SIGTERM');
    for (const each of await all) {
      requests += each.asked;
      reset += each.reset;
    }
    checks.equal(`stop ${++stops} while ${clients} clients connect without a pause: exit code`, await service.exit, [
      0,
      null,
    ]);
  }
  return { stops, requests, reset };
}
