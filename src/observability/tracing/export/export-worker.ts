/** The entry of the thread that exports: sends the spans of each message to the collector, over OTLP. */
import { parentPort, workerData } from 'node:worker_threads';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import type { TracingConfig } from '../../../tracing-options.js';
import type { ExportSettings, FromExportThread, ToExportThread } from './export-thread.js';
import { readableSpan } from './readable-span.js';

if (!parentPort) throw new Error('export-worker.js runs only as a worker thread. This is a bug.');
const port = parentPort;
const { config, resource: attributes, version } = workerData as ExportSettings;

const exporter = await openExporter(config);
const resource = defaultResource().merge(resourceFromAttributes(attributes));
const scope = { name: 'gumbel-sampler', version };

port.on('message', ({ id, spans }: ToExportThread) => {
  const readable = spans.map((span) => readableSpan(span, resource, scope));
  exporter.export(readable, ({ code, error }) => {
    // ExportResultCode.SUCCESS of @opentelemetry/core, whose other code is 1.
    const reason = code === 0 ? undefined : reasonOf(error);
    port.postMessage({ id, reason } satisfies FromExportThread);
  });
});

async function openExporter(config: TracingConfig): Promise<OTLPTraceExporter> {
  const { url, headers, timeoutMs, compression, queueSpansMax, exportSpansMax } = config;
  const { OTLPTraceExporter } =
    config.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  // A stop exports all that waits at once, behind an export that is in flight.
  const concurrencyLimit = Math.ceil(queueSpansMax / exportSpansMax) + 1;
  return new OTLPTraceExporter({
    url,
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    compression: compression as never,
    concurrencyLimit,
  });
}

/** Why an export failed, in a few words. An error of several addresses has a code and no message. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  if (error === undefined) return 'the export failed';
  const { code, message } = error;
  if (typeof code === 'number') return `the collector replied ${code} ${message}`;
  return [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ') || error.name;
}
