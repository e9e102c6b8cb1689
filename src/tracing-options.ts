/**
 * The options of tracing: environment variables that OpenTelemetry has named
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). They are read here and not by
 * its packages, which are loaded only while tracing is on, and which ignore a value that cannot work.
 */
import { z } from 'zod';
import { ConfigError, choice, type Environment, integer, option, readOption } from './option.js';

type Pairs = Readonly<Record<string, string>>;

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** key=value, separated by commas, percent-encoded, as OpenTelemetry writes lists. Undefined if it is none. */
function parsePairs(text: string, isPair: (key: string, value: string) => boolean): Pairs | undefined {
  const pairs: Record<string, string> = {};
  for (const entry of text.split(',').filter((entry) => entry.trim() !== '')) {
    const [key = '', value] = entry.split(/=(.*)/s).map((part) => part.trim());
    try {
      if (value === undefined || !isPair(key, decodeURIComponent(value))) return undefined;
      pairs[key] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return pairs;
}

function pairList(example: string, isPair: (key: string, value: string) => boolean) {
  return z
    .string()
    .refine(
      (text) => parsePairs(text, isPair) !== undefined,
      `must be a list such as ${example}, its values percent-encoded`,
    )
    .transform((text) => parsePairs(text, isPair) as Pairs);
}

const headerList = () =>
  pairList('name=value,other=value', (name, value) => headerName.test(name) && headerValue.test(value));

function url() {
  return z.string().refine(isHttpUrl, 'must be a URL that begins with http:// or https://');
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** What holds for traces alone defaults to what holds for all signals. */
function asForAllSignals(name: keyof typeof forAllSignals) {
  const { default: absent } = forAllSignals[name];
  return { from: name, read: (environment: Environment) => environment[name] || absent };
}

const protocols = () =>
  choice(
    ['http/protobuf', 'http/json'],
    ': gRPC is not supported; set http/protobuf, and in the endpoint the port of the collector for HTTP, usually 4318',
  );
const timeout = () => integer({ min: 1, max: 600_000 });

const forAllSignals = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    schema: url(),
    default: 'http://localhost:4318',
    unit: 'URL',
    reason: 'The collector. Spans are sent to /v1/traces below it. Setting it switches tracing on.',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    schema: protocols(),
    default: 'http/protobuf',
    unit: 'protocol',
    reason: 'http/protobuf or http/json. gRPC is not supported: collectors take HTTP too, on port 4318.',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    schema: headerList(),
    default: '',
    unit: 'list',
    reason: 'Headers of each export, such as `api-key=secret,tenant=4`. The values are percent-encoded.',
    secret: true,
  },
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    schema: timeout(),
    default: '10000',
    unit: 'milliseconds',
    reason: 'How long an export may take, tried again included. Its spans are dropped then.',
  },
  OTEL_EXPORTER_OTLP_COMPRESSION: {
    schema: choice(['none', 'gzip']),
    default: 'none',
    unit: 'none or gzip',
    reason: 'gzip saves network and costs CPU.',
  },
} as const;

/** Every option of tracing by its environment name; docs/configuration.md and `.env.example` name them too. */
export const tracingOptions = {
  OTEL_SDK_DISABLED: option({
    schema: z
      .string()
      .toLowerCase()
      .pipe(choice(['true', 'false'])),
    default: 'false',
    unit: 'true or false',
    reason: 'true keeps tracing off, whatever else is set.',
  }),
  OTEL_TRACES_EXPORTER: option({
    schema: choice(['otlp', 'none']),
    default: {
      from: 'otlp with an endpoint, else none',
      read: ({ OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces }) =>
        all || traces ? 'otlp' : 'none',
    },
    unit: 'exporter',
    reason: 'otlp switches tracing on, none off.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: option(forAllSignals.OTEL_EXPORTER_OTLP_ENDPOINT),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: option({
    schema: url(),
    default: {
      from: 'OTEL_EXPORTER_OTLP_ENDPOINT with /v1/traces',
      read: (environment) =>
        `${asForAllSignals('OTEL_EXPORTER_OTLP_ENDPOINT').read(environment).replace(/\/$/, '')}/v1/traces`,
    },
    unit: 'URL',
    reason: 'The whole URL for traces. Setting it switches tracing on.',
  }),
  OTEL_EXPORTER_OTLP_PROTOCOL: option(forAllSignals.OTEL_EXPORTER_OTLP_PROTOCOL),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: option({
    schema: protocols(),
    default: asForAllSignals('OTEL_EXPORTER_OTLP_PROTOCOL'),
    unit: 'protocol',
    reason: 'The same for traces alone.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: option(forAllSignals.OTEL_EXPORTER_OTLP_HEADERS),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: option({
    schema: headerList(),
    default: '',
    unit: 'list',
    reason: 'Further headers for traces alone; one of the same name takes precedence.',
    secret: true,
  }),
  OTEL_EXPORTER_OTLP_TIMEOUT: option(forAllSignals.OTEL_EXPORTER_OTLP_TIMEOUT),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: option({
    schema: timeout(),
    default: asForAllSignals('OTEL_EXPORTER_OTLP_TIMEOUT'),
    unit: 'milliseconds',
    reason: 'The same for traces alone.',
  }),
  OTEL_EXPORTER_OTLP_COMPRESSION: option(forAllSignals.OTEL_EXPORTER_OTLP_COMPRESSION),
  OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: option({
    schema: choice(['none', 'gzip']),
    default: asForAllSignals('OTEL_EXPORTER_OTLP_COMPRESSION'),
    unit: 'none or gzip',
    reason: 'The same for traces alone.',
  }),
  OTEL_SERVICE_NAME: option({
    schema: z.string(),
    default: {
      from: 'service.name of OTEL_RESOURCE_ATTRIBUTES, else gumbel-sampler',
      read: ({ OTEL_RESOURCE_ATTRIBUTES: text = '' }) =>
        parsePairs(text, isAttribute)?.['service.name'] || 'gumbel-sampler',
    },
    unit: 'name',
    reason: 'The name of the service in traces.',
  }),
  OTEL_RESOURCE_ATTRIBUTES: option({
    schema: pairList('deployment.environment.name=production', isAttribute),
    default: '',
    unit: 'list',
    reason:
      'Attributes of every span, such as `deployment.environment.name=production,service.instance.id=pod-1`. The values are percent-encoded.',
  }),
  OTEL_TRACES_SAMPLER: option({
    schema: choice([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ]),
    default: 'parentbased_always_on',
    unit: 'sampler',
    reason:
      'Which requests are recorded. parentbased: as the traceparent of the caller says, and without one by the rest of the name.',
  }),
  OTEL_TRACES_SAMPLER_ARG: option({
    schema: z
      .string()
      .refine((text) => /^\d*\.?\d+$/.test(text) && Number(text) <= 1, 'must be a number from 0 to 1, such as 0.01')
      .transform(Number),
    default: '1',
    unit: 'share',
    reason: 'The share of requests that the samplers with traceidratio record.',
  }),
  OTEL_BSP_SCHEDULE_DELAY: option({
    schema: integer({ min: 1, max: 600_000 }),
    default: '5000',
    unit: 'milliseconds',
    reason: 'How often spans are exported, unless a whole export is ready before.',
  }),
  OTEL_BSP_EXPORT_TIMEOUT: option({
    schema: timeout(),
    default: '30000',
    unit: 'milliseconds',
    reason: 'The same as OTEL_EXPORTER_OTLP_TIMEOUT; the shorter of both holds.',
  }),
  OTEL_BSP_MAX_QUEUE_SIZE: option({
    schema: integer({ min: 1, max: 2 ** 20 }),
    default: '2048',
    unit: 'spans',
    reason:
      'Spans of a process that wait to be exported; a recorded request has about seven. Above it they are dropped.',
  }),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: option({
    schema: integer({ min: 1, max: 2 ** 20 }),
    default: {
      from: '512, at most OTEL_BSP_MAX_QUEUE_SIZE',
      read: ({ OTEL_BSP_MAX_QUEUE_SIZE: queue }) => String(Math.min(512, Number(queue || 512) || 512)),
    },
    unit: 'spans',
    reason: 'Spans of one export.',
  }),
} as const;

function isAttribute(key: string): boolean {
  return key !== '';
}

export interface TracingConfig {
  /** Where spans are sent. */
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly headers: Pairs;
  /** Of an export, tried again included. */
  readonly timeoutMs: number;
  readonly compression: 'none' | 'gzip';
  readonly serviceName: string;
  readonly resourceAttributes: Pairs;
  readonly sampler: z.output<(typeof tracingOptions)['OTEL_TRACES_SAMPLER']['schema']>;
  /** The share that samplers by ratio record. */
  readonly ratio: number;
  readonly scheduleDelayMs: number;
  readonly queueSpansMax: number;
  readonly exportSpansMax: number;
}

/**
 * Reads the options of tracing; undefined while it is off. The rest of the options is then not even checked, since
 * operators set some of them for all services of a cluster.
 *
 * @throws {ConfigError} on the first value that cannot work
 */
export function readTracing(environment: Environment): TracingConfig | undefined {
  const read = <Name extends keyof typeof tracingOptions>(name: Name) =>
    readOption(name, tracingOptions[name], environment) as z.output<(typeof tracingOptions)[Name]['schema']>;
  if (read('OTEL_SDK_DISABLED') === 'true' || read('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  for (const name of Object.keys(forAllSignals) as (keyof typeof forAllSignals)[]) read(name);
  const queueSpansMax = read('OTEL_BSP_MAX_QUEUE_SIZE');
  const exportSpansMax = read('OTEL_BSP_MAX_EXPORT_BATCH_SIZE');
  if (exportSpansMax > queueSpansMax) {
    const limit = `OTEL_BSP_MAX_QUEUE_SIZE is ${queueSpansMax}: set it to at most that`;
    throw new ConfigError(`OTEL_BSP_MAX_EXPORT_BATCH_SIZE is ${exportSpansMax}, but ${limit}`);
  }
  return {
    url: read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
    protocol: read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'),
    headers: { ...read('OTEL_EXPORTER_OTLP_HEADERS'), ...read('OTEL_EXPORTER_OTLP_TRACES_HEADERS') },
    timeoutMs: Math.min(read('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'), read('OTEL_BSP_EXPORT_TIMEOUT')),
    compression: read('OTEL_EXPORTER_OTLP_TRACES_COMPRESSION'),
    resourceAttributes: read('OTEL_RESOURCE_ATTRIBUTES'),
    serviceName: read('OTEL_SERVICE_NAME'),
    sampler: read('OTEL_TRACES_SAMPLER'),
    ratio: read('OTEL_TRACES_SAMPLER_ARG'),
    scheduleDelayMs: read('OTEL_BSP_SCHEDULE_DELAY'),
    queueSpansMax,
    exportSpansMax,
  };
}
