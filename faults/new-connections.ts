/**
 * Clients that open a connection for each request, beside one that keeps its own, while all of them want more than the
 * service can draw. Without keys a connection is a caller, so each of those requests is of a caller that is new.
 */
import { afterSeconds, closedLoop } from './closed-loop.js';
import { drawBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';
import { isReply, WireConnection } from './wire.js';

/** Stated before: the least share of the client with a connection, where 1 is what each of the others gets. */
const shareMin = 0.5;

/** 400,000 elements, which the queue holds of each client here. */
const bytes = drawBytes(1000, { num_samples: 400, seed: 42, return: ['indices'] });

/** Asks again as soon as it has its reply, each time over a new connection. Resolves to the replies with a draw. */
async function newConnections(port: number, isOver: () => boolean): Promise<number> {
  let draws = 0;
  while (!isOver()) {
    const connection = await WireConnection.open(port);
    const reply = await connection.request(bytes);
    if (isReply(reply) && reply.status === 200) draws += 1;
    connection.destroy();
  }
  return draws;
}

async function run({ full }: Options, checks: Checks): Promise<Figures> {
  const seconds = full ? 10 : 4;
  const rows: (string | number)[][] = [];
  for (const clients of full ? [4, 12, 24] : [12]) {
    const service = await Service.start();
    const isOver = afterSeconds(seconds);
    const others = Promise.all(Array.from({ length: clients }, () => newConnections(service.port, isOver)));
    const { statuses } = await closedLoop(service.port, bytes, { connections: 1, isOver });
    const draws = await others;
    const mean = draws.reduce((sum, count) => sum + count, 0) / clients;
    const kept = statuses['200'] ?? 0;
    const name = `beside ${clients} that open connections`;
    checks.equal(`${name}: the client that keeps its own was never refused, nor late`, Object.keys(statuses), ['200']);
    checks.that(`${name}: it got at least half of what each of them got`, kept >= shareMin * mean, { kept, mean });
    checks.equal(`${name}: it ended with 0`, await service.stop(), [0, null]);
    rows.push([clients, Math.round(mean), kept, Number((kept / mean).toFixed(2))]);
  }
  return {
    method:
      `For ${seconds} s each client asks for 1000 logits x num_samples 400 as soon as it has its reply, one over a ` +
      'connection that it keeps, the others over a new one each time. Without keys a connection is a caller.',
    tables: [
      {
        headers: ['clients with new connections', 'draws of each', 'draws of the one that keeps its own', 'share'],
        rows,
      },
    ],
  };
}

export const newConnectionsScenario: Scenario = {
  name: 'new-connections',
  title: 'A connection that is kept beside a new one for each request',
  run,
};
