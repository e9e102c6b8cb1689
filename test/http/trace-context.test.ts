/** W3C trace context: which headers name a trace, and that log lines and problems, whoever writes them, repeat it. */
import t, { type Test } from 'tap';
import { traceParentOf } from '../../src/http/trace-context.js';
import { queueFull } from '../../src/sampler/draw-error.js';
import { get, post, RawClient } from '../support/raw-client.js';
import { type Service, startService } from '../support/service.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;
const named = { trace_id: traceId, span_id: spanId };

t.test('a header of the form of level 2 names a span, and no other does', async (t) => {
  const parsed = (traceparent?: string | string[]) => traceParentOf({ headers: { traceparent } as never });
  t.same(parsed(traceparent), { traceId, spanId, flags: 1 });
  t.same(parsed(`00-${traceId}-${spanId}-00`), { traceId, spanId, flags: 0 });
  t.same(parsed(`00-${traceId}-${spanId}-ff`), { traceId, spanId, flags: 255 }, 'unknown flags are no mistake');
  for (const later of ['01', 'cc', 'fe']) {
    t.same(parsed(`${later}-${traceId}-${spanId}-01`), { traceId, spanId, flags: 1 }, `version ${later}`);
    t.same(parsed(`${later}-${traceId}-${spanId}-01-what`), { traceId, spanId, flags: 1 }, `version ${later}, longer`);
    t.equal(parsed(`${later}-${traceId}-${spanId}-01what`), undefined, 'more only behind a hyphen');
  }
  for (const wrong of [
    undefined,
    '',
    `ff-${traceId}-${spanId}-01`,
    `${traceparent}-what`,
    `${traceparent}-`,
    ` ${traceparent}`,
    `${traceparent}, ${traceparent}`,
    [traceparent],
    traceparent.toUpperCase(),
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}0-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}`,
    `0-${traceId}-${spanId}-01`,
    `00-${traceId.replace('a', 'g')}-${spanId}-01`,
    `00_${traceId}_${spanId}_01`,
  ]) {
    t.equal(parsed(wrong), undefined, String(wrong));
  }
});

const draw = '{"logits":[1,2],"seed":1}';
const headers = `traceparent: ${traceparent}\r\ntracestate: congo=t61rcWkgMzE\r\n`;
const closing = 'Connection: close\r\n';

async function listening(
  t: Test,
  environment: Record<string, string>,
): Promise<{ service: Service; port: number; lines: Record<string, unknown>[] }> {
  const lines: Record<string, unknown>[] = [];
  const service = await startService(environment, { logTo: (line) => lines.push(JSON.parse(line)) });
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  return { service, port, lines };
}

/** The parsed body of the one reply to what is sent. */
async function replyTo(port: number, text: string): Promise<Record<string, unknown>> {
  const client = new RawClient(port, text);
  await client.closed;
  return JSON.parse(client.received.slice(client.received.indexOf('\r\n\r\n') + 4));
}

t.test('every problem names the trace of its request, whoever writes it', async (t) => {
  const { port } = await listening(t, { REQUEST_TIMEOUT_MS: '500', JSON_BODY_BYTES_MAX: '1024' });
  const infer = '/v2/models/gumbel_softmax/infer';
  const requests: Record<string, (more: string) => string> = {
    validation: (more) => post('/sample', '{}', `${more}${closing}`),
    'malformed-json': (more) => post('/sample/vjp', '{', `${more}${closing}`),
    'body-too-large': (more) => post('/log-prob', ' '.repeat(2000), `${more}${closing}`),
    'not-found': (more) => get('/nowhere', `${more}${closing}`),
    'method-not-allowed': (more) => get('/sample', `${more}${closing}`),
    'unknown-model': (more) => post('/v2/models/none/infer', '{}', `${more}${closing}`),
    'empty-input': (more) =>
      post(infer, '{"inputs":[{"name":"logits","datatype":"FP32","shape":[0,1],"data":[]}]}', `${more}${closing}`),
    // Written on the raw socket: the rest of the body does not come.
    'request-timeout': (more) =>
      `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}Content-Length: 9\r\n\r\n{`,
  };
  for (const [code, request] of Object.entries(requests)) {
    const problem = await replyTo(port, request(headers));
    t.match(problem, { code, ...named }, code);
    const { trace_id, span_id, ...rest } = problem;
    const plain = await replyTo(port, request(''));
    t.same(Object.keys(plain), Object.keys(rest), `${code}: nothing else changes`);
    const malformed = await replyTo(port, request(`traceparent: ${traceparent.toUpperCase()}\r\n`));
    t.same(Object.keys(malformed), Object.keys(rest), `${code}: a malformed header counts as none`);
  }
});

t.test('a malformed header is no mistake of the request', async (t) => {
  const { port } = await listening(t, {});
  for (const wrong of ['nonsense', `ff-${traceId}-${spanId}-01`, `${traceparent}\r\ntraceparent: ${traceparent}`]) {
    t.match(await replyTo(port, post('/sample', draw, `traceparent: ${wrong}\r\n${closing}`)), { indices: Number });
  }
});

t.test('log lines about a request name its trace, and never the headers', async (t) => {
  const { service, port, lines } = await listening(t, { LOG_LEVEL: 'debug' });
  const answered = () => lines.filter(({ msg }) => msg === 'request answered');
  await replyTo(port, post('/sample', draw, `${headers}${closing}`));
  await replyTo(port, post('/sample', draw, closing));
  t.match(answered()[0], { route: '/sample', status: 200, ...named });
  t.notOk('trace_id' in (answered()[1] ?? {}) || 'span_id' in (answered()[1] ?? {}));

  // Load shedding, in front of Fastify.
  const { sampler } = service as unknown as { sampler: { mayRefuse: () => boolean; refusal: () => unknown } };
  const { mayRefuse, refusal } = sampler;
  sampler.mayRefuse = () => true;
  sampler.refusal = () => queueFull;
  t.match(await replyTo(port, post('/sample', draw, `${headers}${closing}`)), { code: 'overloaded', ...named });
  t.match(
    lines.find(({ code }) => code === 'overloaded'),
    { level: 40, ...named },
  );
  Object.assign(sampler, { mayRefuse, refusal });

  Object.assign(sampler, { tooMuch: () => assertionFails() });
  t.match(await replyTo(port, post('/sample', draw, `${headers}${closing}`)), { code: 'internal', ...named });
  t.match(
    lines.find(({ code }) => code === 'internal'),
    { level: 50, ...named },
  );
  t.notMatch(JSON.stringify(lines), /00-0af76519|congo/);
});

function assertionFails(): never {
  throw new Error('A test breaks it.');
}
