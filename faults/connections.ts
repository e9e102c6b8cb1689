/**
 * All connections taken by clients that ask for nothing: silent, stopped in the middle of a head or a body, or idle. A
 * new one gets in.
 */
import { RawSocket } from './raw-socket.js';
import { getBytes, smallBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { checkSiege, type Siege, siege, siegeHeaders, siegeRow } from './siege.js';
import { pause } from './time.js';

const connectionsMax = 1024;
const probes = 20;

/** A body that has stopped for a second may make way; until then a new connection would be one too many. */
const stalledMs = 1500;

/** What each connection sends, how many replies it gets, and how long it then waits. */
const kinds = [
  ['silent', Buffer.alloc(0), 0, 0],
  ['stopped in a head', Buffer.from('GET /livez HTTP/1.1\r\nHost: service\r\nX-'), 0, 0],
  ['stopped in a body', smallBytes().subarray(0, -1), 0, stalledMs],
  ['idle after a reply', getBytes('/livez'), 1, 0],
] as const;

/** Stated before: 8 GET /livez for each connection and probe, and 64 KiB for each connection. */
const bounds = { livezMax: 8 * (connectionsMax + probes), grownMiBMax: 64 };

async function run(_options: Options, checks: Checks): Promise<Figures> {
  const sieges: Siege[] = [];
  for (const [name, bytes, replies, waitMs] of kinds) {
    const service = await Service.start();
    const attack = async () => {
      // With the bystander's own, they are more than there may be; or as many, where none of them may make way yet.
      const sockets = await RawSocket.openAll(service.port, waitMs > 0 ? connectionsMax - 1 : connectionsMax);
      for (const { socket } of sockets) if (bytes.length > 0) socket.write(bytes);
      await Promise.all(sockets.map((each) => each.answered(replies)));
      await pause(waitMs);
      const statuses: number[] = [];
      for (let probe = 0; probe < probes; probe++) {
        statuses.push(await service.get('/livez').catch(() => 0));
        await pause(10);
      }
      checks.equal(`${name}: each of ${probes} new connections was answered`, statuses, Array(probes).fill(200));
      for (const { socket } of sockets) socket.destroy();
    };
    const seen = await siege(service, `${connectionsMax} ${name}`, attack, 1);
    // A thousand requests at the same moment are a load like any other, and probes wait for their share of it.
    checkSiege(checks, seen, bounds);
    sieges.push(seen);
    checks.equal(`${name}: it ended with 0`, await service.stop(), [0, null]);
  }
  return {
    method: `${connectionsMax} connections, as many as there may be, beside one that asks /livez every 5 ms; then ${probes} new ones, one after another.`,
    tables: [{ headers: siegeHeaders, rows: sieges.map(siegeRow) }],
  };
}

export const connectionsScenario: Scenario = {
  name: 'connections',
  title: 'All connections taken by clients that ask for nothing',
  run,
};
