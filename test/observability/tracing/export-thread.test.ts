/** The thread that exports: what it could not send, its end, and one that is lost. */
import t from 'tap';
import { ExportThread } from '../../../src/observability/tracing/export/export-thread.js';
import type { EndedSpan } from '../../../src/observability/tracing/span.js';
import { readTracing, type TracingConfig } from '../../../src/tracing-options.js';
import { openReceiver } from '../../support/otlp-receiver.js';

const span: EndedSpan = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  name: 'draw',
  kind: 'internal',
  parentSpanId: undefined,
  parentIsRemote: false,
  traceState: undefined,
  startMs: 1_700_000_000_123.5,
  endMs: 1_700_000_000_124,
  attributes: { 'gumbel.rows': 3 },
  links: [],
  linksDropped: 0,
  isError: false,
};

const settingsOf = (url: string) => ({
  config: readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url }) as TracingConfig,
  resource: { 'service.name': 'test' },
  version: '0.0.0',
});

t.test('an export resolves once the collector has the spans', async (t) => {
  const receiver = await openReceiver();
  t.teardown(receiver.close);
  const thread = new ExportThread(settingsOf(receiver.url));
  await Promise.all([thread.export([span]), thread.export([span, span])]);
  t.equal(receiver.spans.length, 3);
  t.match(receiver.spans[0], {
    name: 'draw',
    start: 1_700_000_000_123_500_000n,
    end: 1_700_000_000_124_000_000n,
    attributes: { 'gumbel.rows': 3 },
    resource: { 'service.name': 'test' },
  });
  await thread.close();
});

t.test('a close ends exports that are going on', async (t) => {
  const receiver = await openReceiver(() => {});
  t.teardown(receiver.close);
  const thread = new ExportThread(settingsOf(receiver.url));
  const outcome = t.rejects(thread.export([span]), { message: 'the process stops' });
  await thread.close();
  await outcome;
  await t.rejects(thread.export([span]), { message: 'the process stops' }, 'a later one does not begin');
});

t.test('a thread that is lost fails its exports with the cause, and the next export starts another', async (t) => {
  // The thread keeps no process alive.
  const alive = setInterval(() => {}, 60_000);
  t.teardown(() => clearInterval(alive));
  // Loses its first export, takes the second.
  const entry = `
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', ({ id }) => {
      if (Atomics.add(workerData.version, 0, 1) === 0) throw new Error('out of ideas');
      parentPort.postMessage({ id, reason: undefined });
    });`;
  const started = new Int32Array(new SharedArrayBuffer(4));
  const settings = { ...settingsOf('http://127.0.0.1:1'), version: started as never };
  const thread = new ExportThread(settings, new URL(`data:text/javascript,${encodeURIComponent(entry)}`));
  const lost = { message: 'the thread that exports was lost: out of ideas' };
  await Promise.all([t.rejects(thread.export([span]), lost), t.rejects(thread.export([span]), lost)]);
  await thread.export([span]);
  await thread.close();
});
