/** A collector that is down, slow or answers errors disturbs neither requests nor stops. Its spans are counted. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { readExposition } from '../../support/exposition.js';
import { openReceiver, type Respond } from '../../support/otlp-receiver.js';
import { post, until } from '../../support/processes.js';
import { start } from '../../support/server-process.js';
import { startService } from '../../support/service.js';

const body = { logits: [1, 2, 3], seed: 1 };

const quick = { OTEL_BSP_SCHEDULE_DELAY: '10', OTEL_EXPORTER_OTLP_TIMEOUT: '500' };

function droppedIn(metrics: string): number {
  return readExposition(metrics).value('gumbel_spans_dropped_total') ?? Number.NaN;
}

/** What the built service does while its collector fails. */
async function assertUndisturbed(t: Test, url: string, reason: RegExp, environment: Record<string, string> = {}) {
  const service = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...quick, ...environment });
  const dropped = async () => droppedIn(await (await fetch(`${service.url}/metrics`)).text());
  t.equal(await dropped(), 0);
  for (let request = 0; request < 10; request++) t.equal((await post(service.url, body)).status, 200);
  await until('spans are dropped', async () => (await dropped()) > 0);
  for (let request = 0; request < 10; request++) t.equal((await post(service.url, body)).status, 200);
  service.child.kill('SIGTERM');
  t.same(await service.exit, [0, null], 'the stop is clean');
  const lines = service.lines.filter(({ msg }) => /spans were dropped/.test(String(msg)));
  t.equal(lines.length, 1, 'one line, however many exports fail');
  t.match(lines[0], { level: 40, spans: Number, collector: `${url}/v1/traces`, reason });
  t.equal(service.stderr(), '', 'and nothing on stderr');
}

t.test('a collector that is down', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await assertUndisturbed(t, `http://127.0.0.1:${port}`, /ECONNREFUSED/);
});

t.test('while a collector hangs, no more spans wait than the queue holds, and a stop ends', async (t) => {
  const receiver = await openReceiver(() => {});
  t.teardown(receiver.close);
  const limits = { OTEL_BSP_MAX_QUEUE_SIZE: '16', OTEL_EXPORTER_OTLP_TIMEOUT: '600000' };
  await assertUndisturbed(t, receiver.url, /more spans end than are exported/, limits);
});

const failures: [name: string, respond: Respond, reason: RegExp][] = [
  ['is overloaded', (_request, response) => response.writeHead(503).end('busy'), /retryable/],
  ['has no such path', (_request, response) => response.writeHead(404).end('what?'), /the collector replied 404/],
  ['hangs', () => {}, /timed out/],
  ['breaks the connection', (request) => request.socket.destroy(), /ECONNRESET|socket hang up/],
];
for (const [name, respond, reason] of failures) {
  t.test(`a collector that ${name}`, async (t) => {
    const receiver = await openReceiver(respond);
    t.teardown(receiver.close);
    const lines: Record<string, unknown>[] = [];
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...quick };
    const { app, sample, close } = await startService(environment, { logTo: (line) => lines.push(JSON.parse(line)) });
    t.equal((await sample(body)).status, 200);
    await until('its spans are dropped', async () => droppedIn((await app.inject('/metrics')).body) > 0);
    t.equal((await sample(body)).status, 200);
    await close();
    t.match(lines, [{ level: 40, reason }], 'one line');
  });
}
