/**
 * A collector over real HTTP: takes OTLP as JSON or protobuf, decoded by the published definitions, and keeps the
 * spans. With OTLP_COLLECTOR it is the OpenTelemetry Collector's own receiver (test/observability/tracing/collector).
 */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

type Value = string | number | boolean | readonly Value[];

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  /** Nanoseconds. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Span ids. */
  readonly links: readonly string[];
  /** 0 unset, 2 error. */
  readonly status: number;
  readonly resource: Readonly<Record<string, Value>>;
}

export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** The headers of each export; none of the Collector's own receiver. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** Resolves to the spans that have come, once there is one of which this holds. */
  readonly until: (holds: (span: ReceivedSpan) => boolean) => Promise<readonly ReceivedSpan[]>;
  readonly close: () => Promise<void>;
}

export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** @param respond in place of taking spans */
export async function openReceiver(respond?: Respond): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const arrivals = new EventEmitter();
  const take = (request: ExportRequest) => {
    spans.push(...spansOf(request));
    arrivals.emit('arrived');
  };
  const until: OtlpReceiver['until'] = async (holds) => {
    while (!spans.some(holds)) await once(arrivals, 'arrived');
    return spans;
  };
  const command = process.env.OTLP_COLLECTOR;
  const { url, close } =
    command && !respond ? await startCollector(command, take) : await listen(respond, headers, take);
  return { url, spans, headers, until, close };
}

async function listen(respond: Respond | undefined, headers: IncomingHttpHeaders[], take: (it: ExportRequest) => void) {
  const server = createServer(async (request, response) => {
    headers.push(request.headers);
    if (respond) {
      respond(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const type = request.headers['content-type'] as string;
    take(decode(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, type));
    response.setHeader('content-type', type);
    response.end(type === 'application/json' ? '{}' : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

/** The Collector's own receiver prints its address, then each export as OTLP JSON. */
async function startCollector(command: string, take: (it: ExportRequest) => void) {
  const child = spawn(command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [url] = (await once(lines, 'line')) as [string];
  lines.on('line', (line) => take(JSON.parse(line)));
  const close = async () => {
    child.kill('SIGTERM');
    await exited;
  };
  return { url, close };
}

/** The definitions of https://github.com/open-telemetry/opentelemetry-proto. */
const definitions = fileURLToPath(new URL('../../../test/observability/tracing/', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${definitions}${target}`;
root.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto');
const exportRequest = root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A span as JSON has it. Of fields that are left out, the defaults hold. */
interface Span {
  readonly name: string;
  readonly traceId: Id;
  readonly spanId: Id;
  readonly parentSpanId?: Id;
  readonly traceState?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Attribute[];
  readonly links?: readonly { readonly spanId: Id }[];
  readonly status?: { readonly code?: number };
}

/** Hexadecimal digits in JSON, bytes in protobuf. */
type Id = string | Buffer;

function decode(body: Buffer, type: string): ExportRequest {
  if (type === 'application/json') return JSON.parse(body.toString());
  if (type !== 'application/x-protobuf') throw new Error(`An export has the media type ${type}.`);
  const message = exportRequest.decode(body);
  return exportRequest.toObject(message, { longs: String, arrays: true }) as ExportRequest;
}

function hex(id: Id = ''): string {
  return typeof id === 'string' ? id : id.toString('hex');
}

function contentOf(value: Readonly<Record<string, unknown>>): Value {
  const [kind, content] = Object.entries(value)[0] as [string, unknown];
  if (kind === 'intValue') return Number(content);
  if (kind !== 'arrayValue') return content as Value;
  return (content as { values: Readonly<Record<string, unknown>>[] }).values.map(contentOf);
}

function recordOf(attributes: readonly Attribute[] = []): Record<string, Value> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, contentOf(value)]));
}

function spansOf({ resourceSpans }: ExportRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        traceState: span.traceState ?? '',
        kind: span.kind,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: recordOf(span.attributes),
        links: (span.links ?? []).map(({ spanId }) => hex(spanId)),
        status: span.status?.code ?? 0,
        resource: recordOf(resource.attributes),
      })),
    ),
  );
}
