/** Tracing of the built service: what it loads, across processes, at a stop, and wrong options. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openReceiver } from '../../support/otlp-receiver.js';
import { post } from '../../support/processes.js';
import { type Running, run, start } from '../../support/server-process.js';

const body = { logits: [1, 2, 3], seed: 1 };

async function ended({ child, exit }: Pick<Running, 'child' | 'exit'>): Promise<[number | null, string | null]> {
  child.kill('SIGTERM');
  return exit;
}

interface Loaded {
  readonly packages: string[];
  readonly threads: number;
}

/** The OpenTelemetry packages that the main thread of each process of a run has loaded, and its other threads. */
async function loadedBy(t: Test, environment: Record<string, string>): Promise<Record<string, Loaded>> {
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-tracing-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const preload = new URL('./preload.js', import.meta.url);
  const service = await start({ NODE_OPTIONS: `--import=${preload}`, LOADED_MODULES: folder, ...environment });
  const response = await fetch(`${service.url}/sample`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  t.equal(response.status, 200);
  t.equal(response.headers.has('server-timing'), environment.OTEL_TRACES_EXPORTER === 'otlp');
  await response.arrayBuffer();
  t.same(await ended(service), [0, null]);
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name.replace('.json', ''),
      JSON.parse(readFileSync(join(folder, name), 'utf8')),
    ]),
  );
}

/** prom-client loads the API package by itself, for exemplars, which this service does not use. */
const always = ['@opentelemetry/api', 'prom-client'];

for (const [size, drawing] of [
  [{ PROCESSES: '1' }, ['first']],
  [{ PROCESSES: '2', WORKERS: '2' }, ['--process=1', '--process=2']],
] as const) {
  t.test(
    `with PROCESSES=${size.PROCESSES} a process that draws has one thread more, and only that loads OpenTelemetry`,
    async (t) => {
      const receiver = await openReceiver();
      t.teardown(receiver.close);
      const loaded = (exporter: string) =>
        loadedBy(t, { ...size, OTEL_TRACES_EXPORTER: exporter, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
      const [off, on] = [await loaded('none'), await loaded('otlp')];
      t.same(Object.keys(on), Object.keys(off));
      for (const [name, { packages, threads }] of Object.entries(on)) {
        t.same([off[name]?.packages, packages], [always, always], name);
        t.equal(threads - (off[name]?.threads ?? Number.NaN), (drawing as readonly string[]).includes(name) ? 1 : 0);
      }
    },
  );
}

t.test('each of several processes exports by itself, and all at the stop', async (t) => {
  const receiver = await openReceiver();
  t.teardown(receiver.close);
  const service = await start({
    PROCESSES: '2',
    WORKERS: '2',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-1',
    // Only the stop exports.
    OTEL_BSP_SCHEDULE_DELAY: '600000',
  });
  // Connections are handed out in turn.
  const headers = { connection: 'close' };
  for (let request = 0; request < 4; request++) t.equal((await post(service.url, body, { headers })).status, 200);
  t.equal(receiver.spans.length, 0);
  t.same(await ended(service), [0, null]);
  const requests = receiver.spans.filter(({ kind }) => kind === 2);
  t.same(
    requests.map(({ resource }) => [resource['gumbel.process'], resource['service.instance.id']]).sort(),
    [1, 1, 2, 2].map((number) => [number, `pod-1-${number}`]),
  );
  const byId = new Map(receiver.spans.map((span) => [span.spanId, span]));
  for (const span of receiver.spans) {
    for (const id of [...span.links, span.parentSpanId].filter(Boolean)) {
      t.equal(byId.get(id)?.resource['gumbel.process'], span.resource['gumbel.process'], 'all within one process');
    }
  }
});

t.test('a value that cannot work ends the start with code 78 and says what to set', async (t) => {
  const { exit, stderr } = run({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  t.same(await exit, [78, null]);
  t.match(
    stderr(),
    /^gumbel-sampler cannot start: OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", but .*http\/protobuf.*4318.*\n$/,
  );
});
