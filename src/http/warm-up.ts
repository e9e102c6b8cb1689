/**
 * The warm-up before the service is ready: some hundred refusals over real connections, so that V8 has compiled the
 * code of load shedding before the first overload. It runs on a private server, while the worker threads start.
 */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { Problem } from '../errors.js';
import { refuseWhenFull } from './load-shedding.js';
import { ProblemWriter } from './problem-writer.js';
import { requestIdHeader } from './request-id.js';
import { RouteTable } from './route-table.js';
import { type HttpLimits, httpServer } from './server.js';

/** An overload opens many connections at once, so the warm-up does too. */
const connections = 100;
const requestsEach = 6;

/** Each takes two file descriptors, whose limit may be low, and the starting workers need some too. */
const connectionsAtOnce = 20;

/** Time limit: the warm-up must neither delay nor fail the start. */
const silenceMsMax = 1000;

const loopback = '127.0.0.1';
const path = '/sample';
const request = `POST ${path} HTTP/1.1\r\nHost: ${loopback}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;

/** Resolves when the warm-up is done, or has failed. */
export async function warmUp(limits: HttpLimits): Promise<void> {
  const draws = new RouteTable();
  draws.add(path, ['POST']);
  const problem = new Problem('overloaded', 'This is a practice.');
  const nothing = () => {};
  const refuse = refuseWhenFull((_request, reply) => reply.destroy(), {
    mayRefuse: () => true,
    refusal: () => problem,
    draws,
    callerOf: () => ({ name: undefined }),
    problems: new ProblemWriter((requestId) => ({ [requestIdHeader]: requestId })),
    observer: { refused: nothing, answered: nothing },
  });
  const server = httpServer(limits).serve(refuse);
  server.listen(0, loopback);
  try {
    await once(server, 'listening');
  } catch {
    return;
  }
  // If file descriptors run out, the warm-up ends early.
  server.on('error', () => {});
  const { port } = server.address() as AddressInfo;
  const someConnections = async () => {
    for (let made = 0; made < connections / connectionsAtOnce; made++) await beRefused(port);
  };
  await Promise.all(Array.from({ length: connectionsAtOnce }, someConnections));
  server.close();
}

/** Sends some requests on one connection; each is refused. */
function beRefused(port: number): Promise<void> {
  return new Promise((resolve) => {
    let left = requestsEach;
    const client = connect(port, loopback, () => client.write(request));
    client.on('data', () => {
      left -= 1;
      if (left > 0) client.write(request);
      else client.destroy();
    });
    client.setTimeout(silenceMsMax, () => client.destroy());
    client.on('error', () => {});
    client.on('close', () => resolve());
  });
}
