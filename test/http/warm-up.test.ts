/** The practice before a start: real refusals, which leave no trace, and nothing that can hold a start up. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { warmUp } from '../../src/http/warm-up.js';
import { readExposition } from '../support/exposition.js';
import { start } from '../support/server-process.js';

const limits = {
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  replyTimeoutMs: 60_000,
  keepAliveTimeoutMs: 72_000,
  headerBytesMax: 8192,
  jsonBodyBytesMax: 2 ** 22,
  connectionsMax: 1024,
  requestsPerSocketMax: 10_000,
};

/** Statuses of all replies that this process sends meanwhile. */
async function statusesOf(act: () => Promise<void>): Promise<number[]> {
  const statuses: number[] = [];
  const sent = (message: unknown) => {
    statuses.push((message as { response: ServerResponse }).response.statusCode);
  };
  subscribe('http.server.response.finish', sent);
  await act();
  unsubscribe('http.server.response.finish', sent);
  return statuses;
}

t.test('some hundred requests are refused, and nothing of it stays', async (t) => {
  const statuses = await statusesOf(() => warmUp(limits));
  t.same(statuses, Array(600).fill(503));
  // Sockets that were destroyed are closed in the turns that follow.
  const resources = () => process.getActiveResourcesInfo().filter((name) => /^TCP/.test(name));
  while (resources().length > 0) await new Promise(setImmediate);
});

t.test('where connections are few, it practises with those', async (t) => {
  const statuses = await statusesOf(() => warmUp({ ...limits, connectionsMax: 1, requestsPerSocketMax: 2 }));
  t.ok(statuses.length > 0 && statuses.length < 600);
});

t.test('a service that has just started has counted and logged none of it', async (t) => {
  const { child, url, lines, exit } = await start();
  t.teardown(() => child.kill());
  const counts = readExposition(await (await fetch(`${url}/metrics`)).text());
  t.equal(counts.value('gumbel_requests_shed_total', { reason: 'overloaded' }), 0);
  t.equal(counts.seriesCount('gumbel_http_requests_total'), 0);
  t.ok(lines.every(({ level }) => level === 30));
  child.kill();
  t.same(await exit, [0, null]);
});
