/**
 * Requests sent ahead (pipelining): thousands in one packet, from one connection and several, and replies that nobody
 * reads. What a connection has sent ahead waits unparsed, so neither time nor memory of the service is that of
 * thousands.
 */
import { RawSocket } from './raw-socket.js';
import { getBytes, postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { type Bounds, checkBystander, checkSiege, type Siege, siege, siegeHeaders, siegeRow } from './siege.js';
import { pause } from './time.js';

const paths = ['/metrics', '/openapi.json', '/docs/json', '/docs', '/explore'];

/** What fits into a read of 64 KiB. */
const packetBytes = 2 ** 16;

/** How long clients that do not read stay. */
const unreadMs = { full: 10_000, short: 1500 } as const;

/** A draw whose text is some 60 times what is sent for it. */
const draw = postBytes('/sample', '{"logits":[0,0.3],"num_samples":2047,"return":["log_samples"]}');

/**
 * Stated before: every request of a packet costs the HTTP thread at most as much as 32 GET /livez, the dearest of them;
 * replies that nobody reads cost one each, and a connection holds its read of 64 KiB, as much that waits in the stream,
 * and one reply of at most a megabyte.
 */
const livezEach = 32;
const connectionMiBMax = 1.5;
/** For everything else: V8 takes young garbage back when it likes. */
const growthMiBMax = 120;

/** Sends a packet full of requests on each connection and reads all replies. */
async function askAhead(service: Service, path: string, connections: number, requests: number): Promise<number> {
  const packet = Buffer.concat(Array(requests).fill(getBytes(path)));
  const sockets = await RawSocket.openAll(service.port, connections);
  for (const { socket } of sockets) socket.write(packet);
  await Promise.all(sockets.map((each) => each.answered(requests)));
  for (const { socket } of sockets) socket.destroy();
  return sockets.reduce((sum, { replies }) => sum + replies, 0);
}

/** Sends `bytes` on each connection and reads nothing. */
async function readNothing(service: Service, bytes: Buffer, connections: number, ms: number): Promise<void> {
  const sockets = await RawSocket.openAll(service.port, connections);
  for (const { socket } of sockets) {
    socket.pause();
    socket.write(bytes);
  }
  await pause(ms);
  for (const { socket } of sockets) socket.destroy();
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const service = await Service.start();
  const sieges: Siege[] = [];
  const record = async (name: string, bounds: Bounds, attack: () => Promise<void>) => {
    const seen = await siege(service, name, attack);
    checkBystander(checks, seen);
    checkSiege(checks, seen, bounds);
    sieges.push(seen);
  };
  for (const path of paths) {
    // The short form asks for a tenth, and for the dearest on one connection only.
    const requests = Math.floor(packetBytes / getBytes(path).length / (full ? 1 : 10));
    for (const connections of full || path === '/metrics' ? [1, 4] : [1]) {
      const total = connections * requests;
      const bounds = { livezMax: livezEach * total, grownMiBMax: growthMiBMax };
      await record(`${total} GET ${path}, ${connections} connections`, bounds, async () => {
        checks.equal(
          `all of ${total} GET ${path} were answered`,
          await askAhead(service, path, connections, requests),
          total,
        );
      });
    }
  }
  const ms = full ? unreadMs.full : unreadMs.short;
  const documents = Buffer.concat(Array(Math.floor(1.6e6 / 40)).fill(getBytes('/openapi.json')));
  const readers = 24;
  // Of replies that nobody reads, some are taken by the sockets' own buffers: up to 4 MiB of 200 KB each.
  const documentBounds = {
    livezMax: 30 * readers * livezEach,
    grownMiBMax: growthMiBMax + connectionMiBMax * readers,
  };
  await record(`1.6 MB of GET /openapi.json on ${readers} connections, unread`, documentBounds, () =>
    readNothing(service, documents, readers, ms),
  );
  const draws = Buffer.concat(Array(439).fill(draw));
  const drawers = 40;
  const drawBounds = {
    livezMax: 100 * drawers * livezEach,
    grownMiBMax: growthMiBMax + connectionMiBMax * drawers,
  };
  await record(`439 draws on each of ${drawers} connections, unread`, drawBounds, () =>
    readNothing(service, draws, drawers, ms),
  );
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);
  return {
    method: `A packet of 64 KiB full of requests on each connection, all replies read; then requests whose replies nobody reads, for ${ms / 1000} s. A bystander asks /livez every 5 ms on a connection of its own; its latencies count from its schedule.`,
    tables: [{ headers: siegeHeaders, rows: sieges.map(siegeRow) }],
  };
}

export const pipeliningScenario: Scenario = {
  name: 'pipelining',
  title: 'Requests sent ahead, and replies that nobody reads',
  run,
};
