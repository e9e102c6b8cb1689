/** The options of tracing: what switches it on, what takes precedence, and what is said of values that cannot work. */
import t from 'tap';
import { readConfig } from '../src/config.js';
import { ConfigError } from '../src/option.js';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

t.test('tracing is off until an exporter or an endpoint is named, and two variables keep it off', async (t) => {
  const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'nonsense' };
  for (const off of [
    {},
    { OTEL_SERVICE_NAME: 'draws', ...grpc },
    { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { ...endpoint, ...grpc, OTEL_TRACES_EXPORTER: 'none' },
    { ...endpoint, ...grpc, OTEL_SDK_DISABLED: 'true' },
    { ...endpoint, ...grpc, OTEL_SDK_DISABLED: 'TRUE', OTEL_TRACES_EXPORTER: 'otlp' },
  ]) {
    t.equal(readConfig(off).tracing, undefined, JSON.stringify(off));
  }
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/traces' };
  const on: [environment: Record<string, string>, url: string][] = [
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces'],
    [endpoint, 'http://collector:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector/otlp/' }, 'http://collector/otlp/v1/traces'],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, 'http://collector:4318/v1/traces'],
    [traces, 'https://collector/traces'],
    [{ ...endpoint, ...traces }, 'https://collector/traces'],
  ];
  for (const [environment, url] of on) t.equal(readConfig(environment).tracing?.url, url);
});

t.test('the defaults are those of the specification', async (t) => {
  t.same(readConfig(endpoint).tracing, {
    url: 'http://collector:4318/v1/traces',
    protocol: 'http/protobuf',
    headers: {},
    timeoutMs: 10_000,
    compression: 'none',
    resourceAttributes: {},
    serviceName: 'gumbel-sampler',
    sampler: 'parentbased_always_on',
    ratio: 1,
    scheduleDelayMs: 5000,
    queueSpansMax: 2048,
    exportSpansMax: 512,
  });
});

t.test('of the two limits of an export the shorter holds', async (t) => {
  const timeoutOf = (OTEL_EXPORTER_OTLP_TIMEOUT: string, OTEL_BSP_EXPORT_TIMEOUT: string) =>
    readConfig({ ...endpoint, OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_BSP_EXPORT_TIMEOUT }).tracing?.timeoutMs;
  t.equal(timeoutOf('1000', '2000'), 1000);
  t.equal(timeoutOf('2000', '1000'), 1000);
});

t.test('what holds for traces alone comes first, and lists are percent-decoded', async (t) => {
  const all = {
    ...endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1, authorization = Bearer%20a%3Db ,',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=of%20attributes,k=v=w',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
  };
  t.match(readConfig(all).tracing, {
    protocol: 'http/json',
    timeoutMs: 1000,
    compression: 'gzip',
    headers: { a: '1', authorization: 'Bearer a=b' },
    resourceAttributes: { 'service.name': 'of attributes', k: 'v=w' },
    serviceName: 'of attributes',
    exportSpansMax: 100,
  });
  const traces = {
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2000',
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'none',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2',
    OTEL_SERVICE_NAME: 'draws',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '.25',
  };
  t.match(readConfig({ ...all, ...traces }).tracing, {
    protocol: 'http/protobuf',
    timeoutMs: 2000,
    compression: 'none',
    headers: { a: '2', authorization: 'Bearer a=b' },
    serviceName: 'draws',
    sampler: 'traceidratio',
    ratio: 0.25,
  });
});

t.test('a value that cannot work is one line that says what is right, and never a header', async (t) => {
  const wrong: [name: string, value: string, message: RegExp][] = [
    ['OTEL_SDK_DISABLED', 'yes', /must be one of true, false/],
    ['OTEL_TRACES_EXPORTER', 'zipkin', /^OTEL_TRACES_EXPORTER is "zipkin", but it must be one of otlp, none/],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', /must be a URL that begins with http/],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', '/v1/traces', /must be a URL that begins with http/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /gRPC is not supported; set http\/protobuf, and in the endpoint .*4318/],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', /gRPC is not supported/],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', /^OTEL_EXPORTER_OTLP_HEADERS is set, but it must be a list such as/],
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'a b=secret', /^OTEL_EXPORTER_OTLP_TRACES_HEADERS is set, but/],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=secret%0D', /^OTEL_EXPORTER_OTLP_HEADERS is set, but/],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '0', /must be a whole number from 1 to 600000 \(milliseconds\)/],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', /must be one of none, gzip/],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz', /its values percent-encoded/],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote', /must be one of always_on, .*parentbased_traceidratio/],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5', /must be a number from 0 to 1, such as 0.01/],
    ['OTEL_TRACES_SAMPLER_ARG', '1%', /must be a number from 0 to 1/],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '0', /must be a whole number/],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '4096', /MAX_QUEUE_SIZE is 2048: set it to at most that/],
  ];
  for (const [name, value, message] of wrong) {
    const read = () => readConfig({ OTEL_TRACES_EXPORTER: 'otlp', [name]: value });
    t.throws(read, ConfigError, `${name}=${value}`);
    t.throws(read, { message }, `${name}=${value}`);
    t.throws(read, { message: /^(?!.*secret)/s }, `${name}=${value}`);
  }
});
