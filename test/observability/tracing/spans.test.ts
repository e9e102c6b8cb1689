/** The spans of requests and batches, exported to a collector over real HTTP: trees, times, attributes and links. */
import t, { type Test } from 'tap';
import { DrawError, queueFull } from '../../../src/sampler/draw-error.js';
import type { Terms } from '../../../src/sampler/job.js';
import type { Sampler } from '../../../src/sampler/sampler.js';
import { type OtlpReceiver, openReceiver, type ReceivedSpan } from '../../support/otlp-receiver.js';
import { get, post, RawClient } from '../../support/raw-client.js';
import { type ServiceParts, startService } from '../../support/service.js';

const traceIdOf = (digit: number) => `0af7651916cd43dd8448eb211c80319${digit}`;
const callerSpan = 'b7ad6b7169203331';
const callerOf = (digit: number, flags = '01') => `traceparent: 00-${traceIdOf(digit)}-${callerSpan}-${flags}\r\n`;
const closing = 'Connection: close\r\n';

async function traced(t: Test, environment: Record<string, string> = {}, parts: ServiceParts = {}) {
  const receiver = await openReceiver();
  t.teardown(receiver.close);
  const service = await startService(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '10', ...environment },
    parts,
  );
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  /** Sends a request, and resolves to its reply. */
  const send = async (text: string) => {
    const client = new RawClient(port, text);
    await client.closed;
    return client.received;
  };
  return { receiver, service, port, send };
}

/** The spans of a trace by name, once the request has ended. Several of one name come in the order of their ends. */
async function treeOf(receiver: OtlpReceiver, traceId: string): Promise<Record<string, ReceivedSpan[]>> {
  const spans = await receiver.until((span) => span.traceId === traceId && span.kind === 2);
  const tree: Record<string, ReceivedSpan[]> = {};
  for (const span of spans.filter((span) => span.traceId === traceId)) {
    const name = span.name.startsWith('POST ') ? 'request' : span.name;
    tree[name] = [...(tree[name] ?? []), span];
  }
  return tree;
}

/** Asserts that every span lies within its parent, and that all others of the trace are below the request. */
function assertNested(t: Test, tree: Record<string, ReceivedSpan[]>): void {
  const all = Object.values(tree).flat();
  const byId = new Map(all.map((span) => [span.spanId, span]));
  for (const { name, start, end, parentSpanId } of all) {
    t.ok(start <= end, `${name} ends after it starts`);
    if (name.startsWith('POST ')) continue;
    const parent = byId.get(parentSpanId);
    t.ok(parent && parent.start <= start && end <= parent.end, `${name} lies within its parent`);
    t.equal(parent?.name.replace(/^POST .*/, 'request'), name === 'noise' || name === 'graph' ? 'draw' : 'request');
  }
}

/** Holds draws back until there are so many, and then submits them in one turn: they share a batch. */
function drawTogether(sampler: Sampler, count: number): void {
  const { draw } = sampler;
  const held: (() => void)[] = [];
  const together: Sampler['draw'] = (job, terms) =>
    new Promise((resolve, reject) => {
      held.push(() => void draw(job, terms).then(resolve, reject));
      if (held.length === count) for (const submit of held) submit();
    });
  Object.assign(sampler, { draw: together });
}

const draw = (more = '') => post('/sample', '{"logits":[1,2,3],"seed":1}', more);

for (const protocol of ['http/protobuf', 'http/json']) {
  t.test(`three requests in one batch, over ${protocol}`, async (t) => {
    const { receiver, service, port } = await traced(t, {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=four%20five',
      OTEL_EXPORTER_OTLP_COMPRESSION: protocol === 'http/json' ? 'gzip' : 'none',
      OTEL_SERVICE_NAME: 'draws',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other,service.instance.id=pod-1',
    });
    drawTogether(service.sampler, 3);
    for (const index of [0, 1, 2]) {
      const tracestate = 'tracestate: congo=t61rcWkgMzE,rojo=1\r\n';
      new RawClient(port, draw(`${callerOf(index + 1)}${tracestate}x-request-id: r${index}\r\n${closing}`));
    }
    const trees = await Promise.all([1, 2, 3].map((digit) => treeOf(receiver, traceIdOf(digit))));
    const batches = receiver.spans.filter(({ name }) => name === 'batch');
    t.equal(batches.length, 1);
    const [batch] = batches as [ReceivedSpan];
    t.match(batch, {
      parentSpanId: '',
      kind: 1,
      attributes: {
        'gumbel.kind': 'draw',
        'gumbel.batch.requests': 3,
        'gumbel.batch.rows': 3,
        'gumbel.batch.elements': 9,
        'gumbel.provider': 'cpu',
        'gumbel.thread': 'inline',
      },
    });
    t.same(batch.links.toSorted(), trees.map(({ draw }) => draw?.[0]?.spanId).toSorted(), 'links to each draw');
    t.notOk(trees.some((_, index) => traceIdOf(index + 1) === batch.traceId));
    for (const [index, tree] of trees.entries()) {
      t.same(Object.keys(tree).toSorted(), ['draw', 'graph', 'noise', 'parse', 'print', 'queue', 'request']);
      assertNested(t, tree);
      const { request: [request] = [], draw: [draw] = [], queue: [queue] = [], print: [print] = [] } = tree;
      t.match(request, {
        name: 'POST /sample',
        parentSpanId: callerSpan,
        traceState: 'congo=t61rcWkgMzE,rojo=1',
        status: 0,
        resource: {
          'service.name': 'draws',
          'service.version': '0.0.0',
          'service.instance.id': 'pod-1',
          'deployment.environment.name': 'test',
        },
      });
      t.same(request?.attributes, {
        'http.request.method': 'POST',
        'http.route': '/sample',
        'url.scheme': 'http',
        'url.path': '/sample',
        'http.response.status_code': 200,
        'gumbel.request_id': `r${index}`,
        'gumbel.kind': 'draw',
        'gumbel.rows': 1,
        'gumbel.samples': 1,
        'gumbel.categories': 3,
        'gumbel.elements': 3,
        'gumbel.outputs': ['samples', 'indices'],
      });
      t.match(draw, { attributes: { 'gumbel.elements': 3, 'gumbel.batch.requests': 3 }, links: [batch.spanId] });
      t.ok(queue && draw && print && queue.end <= draw.start && draw.end <= print.start);
      t.ok(batch.start === draw?.start && batch.end === draw?.end);
    }
    for (const headers of receiver.headers) {
      t.match(headers, { 'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf' });
      t.match(headers, { 'x-tenant': 'four five' });
      t.equal(headers['content-encoding'], protocol === 'http/json' ? 'gzip' : undefined);
    }
  });
}

t.test('a job in parts has a draw for each, and a gradient, a density and an inference are traced', async (t) => {
  const { receiver, send } = await traced(t, { BATCH_ELEMENTS_MAX: '1024' });
  const row = `[${Array(512).fill('0').join()}]`;
  const fields = `"logits":${row},"seed":1`;
  await send(post('/sample', `{${fields},"num_samples":6,"return":["indices"]}`, `${callerOf(1)}${closing}`));
  const parts = await treeOf(receiver, traceIdOf(1));
  assertNested(t, parts);
  t.equal(parts.queue?.length, 1);
  t.ok((parts.draw?.length ?? 0) > 1, `${parts.draw?.length} parts`);
  const drawn = parts.draw?.map(({ attributes }) => Number(attributes['gumbel.elements'])) ?? [];
  t.equal(
    drawn.reduce((sum, elements) => sum + elements, 0),
    6 * 512,
  );
  const batches = new Map(receiver.spans.filter(({ name }) => name === 'batch').map((batch) => [batch.spanId, batch]));
  for (const { spanId, links, attributes } of parts.draw ?? []) {
    t.same(batches.get(links[0] ?? '')?.links, [spanId], 'each part is linked with its batch, and it with the part');
    t.equal(attributes['gumbel.thread'], 'worker');
  }
  t.notOk(parts.graph, 'indices need no graph');

  const inference = (model: string, more: string, output: string) =>
    post(
      `/v2/models/${model}/infer?from=here`,
      `{"inputs":[{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1,2,3]}${more}],"outputs":[{"name":"${output}"}],"parameters":{"seed":1}}`,
      `${callerOf(4)}${closing}`,
    );
  const requests: [digit: number, text: string, route: string, kind: string, children: string[]][] = [
    [
      2,
      post('/sample/vjp', `{"logits":[1,2],"seed":1,"cotangent":[1,0],"temperature":1}`, `${callerOf(2)}${closing}`),
      '/sample/vjp',
      'vjp',
      ['draw', 'graph', 'noise', 'parse', 'print', 'queue', 'request'],
    ],
    [
      3,
      post('/log-prob', '{"logits":[1,2],"indices":1}', `${callerOf(3)}${closing}`),
      '/log-prob',
      'logProbOfIndices',
      ['draw', 'parse', 'print', 'queue', 'request'],
    ],
    [
      4,
      inference('gumbel_softmax', '', 'indices'),
      '/v2/models/:model/infer',
      'draw',
      ['draw', 'noise', 'parse', 'print', 'queue', 'request'],
    ],
  ];
  for (const [digit, text, route, kind, children] of requests) {
    t.match(await send(text), /^HTTP\/1\.1 200 /);
    const tree = await treeOf(receiver, traceIdOf(digit));
    assertNested(t, tree);
    t.same(Object.keys(tree).toSorted(), children, route);
    t.match(tree.request?.[0], {
      name: `POST ${route}`,
      attributes: { 'http.route': route, 'url.path': text.split(/[ ?]/)[1], 'gumbel.kind': kind },
    });
  }
});

t.test('a reply in pieces is printed until its last piece', async (t) => {
  const { receiver, send } = await traced(t);
  await send(post('/sample', `{"logits":[1,2,3],"seed":1,"num_samples":5000}`, `${callerOf(1)}${closing}`));
  const tree = await treeOf(receiver, traceIdOf(1));
  assertNested(t, tree);
  t.equal(tree.print?.length, 1);
  t.equal(tree.request?.[0]?.attributes['http.response.status_code'], 200);
});

t.test('errors: what had begun ends with the code, and 5xx are errors of the service', async (t) => {
  const slow = {
    DEADLINE_MS: '600000',
    QUEUE_ELEMENTS_MAX: String(2 ** 44),
    JSON_BODY_BYTES_MAX: '16384',
    REQUEST_TIMEOUT_MS: '1000',
  };
  const { receiver, service, port, send } = await traced(t, slow, { unitsPerMs: 1e15 });
  const assertFailed = async (digit: number, status: number, code: string, stage: string | undefined) => {
    const tree = await treeOf(receiver, traceIdOf(digit));
    assertNested(t, tree);
    const [request] = tree.request ?? [];
    t.match(request?.attributes, { 'http.response.status_code': status, 'error.type': code }, code);
    t.equal(request?.status, status >= 500 ? 2 : 0, code);
    const failed = Object.values(tree)
      .flat()
      .filter((span) => span.status === 2 && span !== request);
    t.same(
      failed.map(({ name, attributes }) => [name, attributes['error.type']]),
      stage ? [[stage, code]] : [],
    );
  };
  const caller = (digit: number) => `${callerOf(digit)}${closing}`;
  const reply = await send(post('/sample', '{"logits":[],"seed":1}', caller(1)));
  await assertFailed(1, 422, 'empty-input', 'parse');
  const [request] = (await treeOf(receiver, traceIdOf(1))).request ?? [];
  t.match(reply, `"trace_id":"${traceIdOf(1)}","span_id":"${request?.spanId}"`, 'the problem names its own span');
  t.match(reply, `server-timing: traceparent;desc="00-${traceIdOf(1)}-${request?.spanId}-01"`);
  await send(post('/sample', '{', caller(2)));
  await assertFailed(2, 400, 'malformed-json', 'parse');
  await send(post('/sample', ' '.repeat(20_000), caller(3)));
  await assertFailed(3, 413, 'body-too-large', 'parse');
  // The rest of the body does not come: Node's own error, answered on the raw socket.
  const half = await send(
    `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${callerOf(4)}Content-Length: 9\r\n\r\n{`,
  );
  await assertFailed(4, 408, 'request-timeout', 'parse');
  t.match(half, `server-timing: traceparent;desc="00-${traceIdOf(4)}`);

  // A draw keeps the one worker busy, and others wait behind it. The deadline is moved, not awaited.
  const release = service.holdWorkers();
  const { draw } = service.sampler;
  const terms: { deadlineAtMs: number }[] = [];
  const noting: Sampler['draw'] = (job, own) => {
    terms.push(own as Terms & { deadlineAtMs: number });
    return draw(job, own);
  };
  Object.assign(service.sampler, { draw: noting });
  const long = (samples: number) =>
    `{"logits":[${Array(1024).fill('0').join()}],"seed":1,"num_samples":${samples},"return":["indices"]}`;
  const busy = send(post('/sample', long(800_000), caller(5)));
  while (service.sampler.load().queuedRequests < 1) await new Promise(setImmediate);
  const late = send(post('/sample', long(100_000), caller(6)));
  const gone = new RawClient(port, post('/sample', long(100_000), caller(7)));
  while (service.sampler.load().queuedRequests < 3) await new Promise(setImmediate);
  const [, ofLate] = terms as [{ deadlineAtMs: number }, { deadlineAtMs: number }];
  ofLate.deadlineAtMs = 0;
  gone.socket.destroy();
  while (service.sampler.load().queuedRequests > 2) await new Promise(setImmediate);
  release();
  t.match(await late, /^HTTP\/1\.1 504 /);
  await assertFailed(6, 504, 'deadline-exceeded', 'queue');
  await assertFailed(7, 499, '499', 'queue');
  t.match(await busy, /^HTTP\/1\.1 200 /);
  const tree = await treeOf(receiver, traceIdOf(5));
  assertNested(t, tree);
  t.ok((tree.draw?.length ?? 0) > 1);

  Object.assign(service.sampler, { draw: async () => Promise.reject(queueFull) });
  t.match(await send(post('/sample', '{"logits":[1]}', caller(8))), /^HTTP\/1\.1 503 /);
  await assertFailed(8, 503, 'overloaded', undefined);
});

t.test('load shedding, in front of Fastify, is traced; a worker that is lost fails the draw', async (t) => {
  const { receiver, service, send } = await traced(t);
  const { sampler } = service as unknown as { sampler: Record<string, unknown> };
  Object.assign(sampler, { mayRefuse: () => true, refusal: () => queueFull });
  const reply = await send(draw(`${callerOf(1)}${closing}`));
  t.match(reply, /^HTTP\/1\.1 503 /);
  const { request: [request] = [], ...rest } = await treeOf(receiver, traceIdOf(1));
  t.match(request, { status: 2, attributes: { 'http.response.status_code': 503, 'error.type': 'overloaded' } });
  t.match(reply, `server-timing: traceparent;desc="00-${traceIdOf(1)}-${request?.spanId}-01"`);
  t.same(Object.keys(rest), ['parse']);

  Object.assign(sampler, {
    mayRefuse: () => false,
    draw: async (_job: unknown, { trace }: { trace: { queued(ms: number): void; begun(ms: number): void } }) => {
      trace.queued(performance.now());
      trace.begun(performance.now());
      throw new DrawError('worker-lost', 'A test loses it.');
    },
  });
  t.match(await send(draw(`${callerOf(2)}${closing}`)), /^HTTP\/1\.1 503 /);
  const lost = await treeOf(receiver, traceIdOf(2));
  assertNested(t, lost);
  t.match(lost.draw, [{ status: 2, attributes: { 'error.type': 'worker-lost' } }]);
});

t.test('probes, metrics, pages and paths without a draw are not traced', async (t) => {
  const { receiver, send } = await traced(t);
  for (const path of ['/livez', '/readyz', '/metrics', '/', '/openapi.json', '/v2', '/nowhere', '/sample']) {
    t.notMatch(await send(get(path, `${callerOf(1)}${closing}`)), /server-timing/i, path);
  }
  await send(draw(`${callerOf(2)}${closing}`));
  await treeOf(receiver, traceIdOf(2));
  t.notOk(receiver.spans.some(({ traceId }) => traceId === traceIdOf(1)));
});

t.test('head sampling: the caller decides, and without one the sampler', async (t) => {
  const { receiver, send } = await traced(t, {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  });
  const unsampled = await send(draw(`${callerOf(1, '00')}${closing}`));
  t.match(unsampled, /^HTTP\/1\.1 200 /);
  t.notMatch(unsampled, /server-timing/i, 'no span, no name of one');
  const named: string[] = [];
  for (let request = 0; request < 40; request++) {
    const [, traceId] = /desc="00-(\w+)-\w+-01"/.exec(await send(draw(closing))) ?? [];
    if (traceId !== undefined) named.push(traceId);
  }
  await send(draw(`${callerOf(2, '03')}${closing}`));
  await treeOf(receiver, traceIdOf(2));
  // Of 40 fair coins none or all are heads once in 5e11 tests.
  t.ok(named.length > 0 && named.length < 40, `${named.length} of 40`);
  const requests = receiver.spans.filter(({ kind }) => kind === 2).map(({ traceId }) => traceId);
  t.same(requests.toSorted(), [...named, traceIdOf(2)].toSorted(), 'replies name the recorded requests and no others');
  for (const { name, attributes, links } of receiver.spans) {
    if (name === 'batch') t.equal(links.length, attributes['gumbel.batch.requests'], 'one request, one link');
  }
});

/** Callers by the last 14 digits of their trace, by which a share is recorded, and by what they say themselves. */
const callers = {
  none: '',
  'high, recorded': `traceparent: 00-${'1'.repeat(18)}${'f'.repeat(14)}-${callerSpan}-01\r\n`,
  'high, not recorded': `traceparent: 00-${'1'.repeat(18)}${'f'.repeat(14)}-${callerSpan}-00\r\n`,
  'low, recorded': `traceparent: 00-${'1'.repeat(18)}${'0'.repeat(14)}-${callerSpan}-01\r\n`,
};
const recordedBy: Readonly<Record<string, readonly (keyof typeof callers)[]>> = {
  always_on: ['none', 'high, recorded', 'high, not recorded', 'low, recorded'],
  always_off: [],
  traceidratio: ['high, recorded', 'high, not recorded'],
  parentbased_always_on: ['none', 'high, recorded', 'low, recorded'],
  parentbased_always_off: ['high, recorded', 'low, recorded'],
  parentbased_traceidratio: ['high, recorded', 'low, recorded'],
};
for (const [sampler, recorded] of Object.entries(recordedBy)) {
  t.test(`whose requests ${sampler} records`, async (t) => {
    // A request without a caller is recorded once in 1e12 tests.
    const { send } = await traced(t, { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '0.000000000001' });
    for (const [name, header] of Object.entries(callers)) {
      const isRecorded = /^server-timing: /im.test(await send(draw(`${header}${closing}`)));
      t.equal(isRecorded, (recorded as readonly string[]).includes(name), name);
    }
  });
}
