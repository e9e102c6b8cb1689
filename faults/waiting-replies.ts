/**
 * Replies that nobody reads: many connections send small draws ahead whose replies are long, and take none. What waits
 * counts in the bytes it takes, so the process stays below what BODY_BYTES_IN_FLIGHT_MAX allows, and small draws of
 * others are still served.
 */
import { connect, type Socket } from 'node:net';
import { Bystander } from './bystander.js';
import { cpuMs } from './cpu.js';
import { postBytes, smallBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { pause, until } from './time.js';

const connections = 40;
/** As many as fit 64 KiB, one read of a socket. */
const requestsEach = 439;
const budgetBytes = 64 * 2 ** 20;

/**
 * The budget counts a reply's text once. Node holds it a second time while the kernel's buffer is full, and each
 * request in flight has some 8 KB of objects: 40 connections x 8. What V8 and the C library keep of garbage comes to
 * another 64 MiB.
 */
const growthMiBMax = (2 * budgetBytes) / 2 ** 20 + 64;

/** 16,376 bytes of result, which is less than 16 KiB, and over 40 KB of text. */
const draw = { logits: [0, 0.3], num_samples: 2047, return: ['log_samples'] };

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const service = await Service.start({ environment: { BODY_BYTES_IN_FLIGHT_MAX: String(budgetBytes) } });
  await service.ask(smallBytes());
  const idleMiB = service.memory().residentMiB;
  const before = cpuMs(service.pid);
  const bystander = await Bystander.start(service.port);
  const draws = await Bystander.start(service.port, smallBytes(), 20);
  const ahead = Buffer.concat(Array(requestsEach).fill(postBytes('/sample', JSON.stringify(draw))));
  const sockets: Socket[] = [];
  for (let index = 0; index < connections; index++) {
    const socket = connect(service.port, '127.0.0.1', () => socket.write(ahead));
    socket.on('error', () => {});
    socket.pause();
    sockets.push(socket);
  }
  let peakMiB = 0;
  for (let second = 0; second < (full ? 20 : 3); second++) {
    await pause(1000);
    peakMiB = Math.max(peakMiB, service.memory().residentMiB);
  }
  const live = await bystander.stop();
  const drawn = await draws.stop();
  const after = cpuMs(service.pid);
  const grownMiB = Math.max(peakMiB, service.memory().peakMiB) - idleMiB;
  checks.atMost('growth of the process', grownMiB, growthMiBMax, ' MiB');
  checks.equal('/livez was always answered', live.lost, 0);
  checks.timeAtMost('p99 of /livez', live.p99Ms, 20);
  for (const socket of sockets) socket.destroy();
  await until('a draw gets 200 again', async () => (await service.ask(smallBytes())).status === 200);
  checks.equal('it ended with 0', await service.stop(), [0, null]);
  return {
    method: `${connections} connections send ${requestsEach} draws of 2,047 log-samples each ahead and read nothing; BODY_BYTES_IN_FLIGHT_MAX is 64 MiB.`,
    tables: [
      {
        headers: ['growth MiB', 'CPU ms', '/livez p99 ms', 'small draws answered', 'refused', 'small draw p99 ms'],
        rows: [[grownMiB, after.process - before.process, live.p99Ms, drawn.count, drawn.lost, drawn.p99Ms]],
      },
    ],
  };
}

export const waitingRepliesScenario: Scenario = {
  name: 'waiting-replies',
  title: 'Replies that nobody reads',
  run,
};
