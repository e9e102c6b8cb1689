/** Every metric, provoked by a request or a fault and read back over HTTP as Prometheus would. */
import { connect } from 'node:net';
import t from 'tap';
import { Metrics, shedReasons } from '../../src/observability/metrics.js';
import type { Sampler } from '../../src/sampler/sampler.js';
import { type Exposition, readExposition } from '../support/exposition.js';
import { testProvider } from '../support/provider.js';
import { start } from '../support/server-process.js';
import { type Service, startService } from '../support/service.js';

async function scrape({ app }: Service): Promise<Exposition> {
  const response = await app.inject('/metrics');
  if (response.statusCode !== 200) throw new Error(`/metrics answered ${response.statusCode}`);
  return readExposition(response.body);
}

async function fresh(
  { teardown }: { teardown: (close: () => Promise<void>) => void },
  environment: Record<string, string> = {},
): Promise<Service> {
  const service = await startService(environment);
  teardown(service.close);
  return service;
}

/** How far a value rose between two scrapes; a series that was not there began at 0. */
function rise(before: Exposition, after: Exposition) {
  return (name: string, labels: Record<string, string> = {}) =>
    (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
}

const loop = {
  logits: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  num_samples: 5,
  seed: 1,
};

t.test('/metrics is the text format, and answers with the media type Prometheus asks for', async (t) => {
  const { app } = await fresh(t);
  const response = await app.inject('/metrics');
  t.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const { types } = readExposition(response.body);
  for (const [name, type] of types) {
    if (!name.startsWith('gumbel_')) continue;
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
  }
});

t.test('all who ask while one is waited for get the same buffer', async (t) => {
  const metrics = new Metrics();
  const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
  t.equal(first, second);
});

t.test('requests are counted by method, route pattern and status, and their duration is measured', async (t) => {
  const service = await fresh(t);
  const before = await scrape(service);
  await service.sample(loop);
  await service.sample({ logits: [] });
  await service.app.inject('/problems/validation');
  await service.app.inject({ method: 'HEAD', url: '/livez' });
  const rose = rise(before, await scrape(service));
  t.equal(rose('gumbel_http_requests_total', { method: 'POST', route: '/sample', status: '200' }), 1);
  t.equal(rose('gumbel_http_requests_total', { method: 'POST', route: '/sample', status: '422' }), 1);
  t.equal(rose('gumbel_http_requests_total', { method: 'GET', route: '/problems/:code', status: '200' }), 1);
  t.equal(rose('gumbel_http_requests_total', { method: 'HEAD', route: '/livez', status: '200' }), 1);
  t.equal(rose('gumbel_http_request_duration_seconds_count', { route: '/sample' }), 2);
  t.ok(rose('gumbel_http_request_duration_seconds_sum', { route: '/sample' }) > 0);
  t.equal(rose('gumbel_http_errors_total', { code: 'empty-input' }), 1);
});

t.test('label values stay few whatever is asked for', async (t) => {
  const service = await fresh(t);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  const ask = async (round: number) => {
    for (let at = 0; at < 50; at++) {
      await service.app.inject(`/nowhere/${round}/${at}`);
      await service.app.inject(`/problems/none-${round}-${at}`);
      await service.app.inject(`/v2/models/m${round}-${at}`);
      await service.app.inject(`/docs/static/${round}-${at}.js`);
    }
    for (const method of ['PROPFIND', 'MKCOL', 'SEARCH']) {
      await raw(port, `${method} /x${round} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    }
    await raw(port, `GET /%zz${round} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await raw(port, `NONSENSE ${round}\r\n\r\n`);
    return scrape(service);
  };
  await scrape(service);
  const first = await ask(1);
  const second = await ask(2);
  t.equal(second.seriesCount('gumbel_'), first.seriesCount('gumbel_'), 'other paths make no other series');
  t.same([...second.labelValues('gumbel_http_requests_total', 'route')].sort(), [
    '/metrics',
    '/problems/:code',
    '/v2/models/:model',
    'unmatched',
  ]);
  t.same([...second.labelValues('gumbel_http_requests_total', 'method')].sort(), ['GET', 'other']);
  t.equal(second.value('gumbel_http_requests_total', { method: 'other', status: '404' }), 6);
  t.equal(second.value('gumbel_http_requests_total', { method: 'GET', route: 'unmatched', status: '400' }), 2);
  t.equal(second.value('gumbel_http_requests_total', { method: 'other', status: '400' }), 2);
  t.equal(second.value('gumbel_http_errors_total', { code: 'bad-request' }), 4);
});

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let reply = '';
    socket.on('data', (chunk) => {
      reply += chunk;
    });
    socket.on('end', () => resolve(reply));
    socket.on('error', reject);
  });
}

t.test('a client that leaves before its reply is counted with status 499', async (t) => {
  const service = await fresh(t);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  let release = () => {};
  const drawing = new Promise<void>((resolve) => {
    const sampler = service.sampler as { -readonly [Key in keyof Sampler]: Sampler[Key] };
    sampler.draw = () => {
      resolve();
      return new Promise((answer) => {
        release = () => answer({});
      });
    };
  });
  const body = '{"logits":[1]}';
  const head = `POST /sample HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n${body}`));
  await drawing;
  socket.destroy();
  const left = { method: 'POST', route: '/sample', status: '499' };
  await untilTrue(async () => (await scrape(service)).value('gumbel_http_requests_total', left) === 1);
  release();
  t.pass('it was counted while the draw was still under way');
});

/** Asks again, in turns of the event loop, until it is true. */
async function untilTrue(ask: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await ask()) return;
    await new Promise(setImmediate);
  }
  throw new Error('It never became true.');
}

t.test('a draw shows as one wait, one batch with its rows and elements, noise, graph and serialise time', async (t) => {
  const service = await fresh(t);
  const before = await scrape(service);
  await service.sample(loop);
  const rose = rise(before, await scrape(service));
  t.equal(rose('gumbel_queue_wait_seconds_count'), 1);
  t.ok(rose('gumbel_queue_wait_seconds_sum') > 0);
  t.equal(rose('gumbel_batch_requests_count'), 1);
  t.equal(rose('gumbel_batch_requests_sum'), 1);
  t.equal(rose('gumbel_batch_rows_sum'), 10, 'two rows, five samples');
  t.equal(rose('gumbel_batch_elements_sum'), 30);
  t.equal(rose('gumbel_elements_drawn_total', { kind: 'draw' }), 30);
  t.equal(rose('gumbel_noise_seconds_count'), 1);
  t.ok(rose('gumbel_noise_seconds_sum') > 0);
  t.equal(rose('gumbel_graph_seconds_count'), 1);
  t.ok(rose('gumbel_graph_seconds_sum') > 0);
  t.equal(rose('gumbel_serialise_seconds_count'), 1);
  t.ok(rose('gumbel_serialise_seconds_sum') > 0);
});

t.test('what was not done is not measured: no graph for indices, no noise for a density', async (t) => {
  const service = await fresh(t);
  const before = await scrape(service);
  await service.sample({ logits: [1, 2], return: ['indices'] });
  await service.post('/log-prob', { logits: [0, 0], samples: [0.5, 0.5] });
  await service.post('/sample/vjp', { logits: [1, 2], seed: 1, cotangent: [1, 0] });
  const rose = rise(before, await scrape(service));
  t.equal(rose('gumbel_batch_rows_count'), 3);
  t.equal(rose('gumbel_noise_seconds_count'), 2, 'the draw and the gradient');
  t.equal(rose('gumbel_graph_seconds_count'), 1, 'the gradient');
  t.equal(rose('gumbel_elements_drawn_total', { kind: 'vjp' }), 2);
  t.equal(rose('gumbel_elements_drawn_total', { kind: 'densityOfSamples' }), 2);
});

t.test('a large reply in slices counts as one serialisation, in JSON and under /v2', async (t) => {
  const service = await fresh(t);
  const before = await scrape(service);
  const { status } = await service.sample({ logits: [1, 2], num_samples: 10_000 });
  t.equal(status, 200);
  const body = { inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] };
  t.equal((await service.post('/v2/models/gumbel_softmax/infer', body)).status, 200);
  const rose = rise(before, await scrape(service));
  t.equal(rose('gumbel_serialise_seconds_count'), 2);
  t.equal(rose('gumbel_http_requests_total', { route: '/v2/models/:model/infer', status: '200' }), 1);
});

t.test('the queue and the workers are gauges of this moment', async (t) => {
  const service = await fresh(t);
  const release = service.holdWorkers();
  const large = Array.from({ length: 3 }, () =>
    service.sample({ logits: Array(1000).fill(0), num_samples: 50_000, return: ['indices'] }),
  );
  // Three draws of several parts: while one part is out, the others wait.
  await untilTrue(async () => (await scrape(service)).value('gumbel_queue_requests') === 3);
  const during = await scrape(service);
  t.ok((during.value('gumbel_queue_elements') ?? 0) > 0);
  t.equal(during.value('gumbel_workers_alive'), 1);
  release();
  await Promise.all(large);
  const after = await scrape(service);
  t.equal(after.value('gumbel_queue_requests'), 0);
  t.equal(after.value('gumbel_queue_elements'), 0);
});

t.test('requests that a full queue turns away are sheds by reason; every reason is there from the start', async (t) => {
  const service = await fresh(t, { QUEUE_REQUESTS_MAX: '1' });
  const before = await scrape(service);
  for (const reason of shedReasons) t.equal(before.value('gumbel_requests_shed_total', { reason }), 0);
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => service.sample({ logits: [1, 2], num_samples: 1000 })),
  );
  const shed = replies.filter(({ status }) => status === 503).length;
  t.ok(shed > 0);
  const rose = rise(before, await scrape(service));
  t.equal(rose('gumbel_requests_shed_total', { reason: 'overloaded' }), shed);
  t.equal(rose('gumbel_http_errors_total', { code: 'overloaded' }), shed);
});

t.test('an unready probe is an error reply, not a shed', async (t) => {
  const service = await fresh(t);
  service.lifecycle.draining = true;
  await service.app.inject('/readyz');
  const after = await scrape(service);
  t.equal(after.value('gumbel_http_errors_total', { code: 'draining' }), 1);
  t.notOk(after.labelValues('gumbel_requests_shed_total', 'reason').has('draining'));
});

/**
 * Loaded into the service before anything else: a worker thread throws on a batch whose second logit is 42. In front of
 * it lie the header, a part, a stream, a temperature and the first logit: see messages.ts.
 */
const fragileWorkers = `import { isMainThread, parentPort } from 'node:worker_threads';
if (!isMainThread) parentPort.on('message', (message) => {
  if (message instanceof ArrayBuffer && new Float32Array(message)[17] === 42) throw new Error('out of luck');
});`;

t.test('a lost worker is a restart, a failed request and a line in the log', async (t) => {
  const preload = `--import=data:text/javascript,${encodeURIComponent(fragileWorkers)}`;
  const { child, url, exit, lines } = await start({ NODE_OPTIONS: preload });
  const post = (logits: number[]) =>
    fetch(`${url}/sample`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // So many samples are drawn by a worker, and not on the HTTP thread.
      body: JSON.stringify({ logits, num_samples: 20_000, return: ['indices'] }),
    });
  t.equal((await post([1, 42])).status, 503);
  t.equal((await post([1, 2])).status, 200, 'by the worker in its place');
  const { value } = readExposition(await (await fetch(`${url}/metrics`)).text());
  t.equal(value('gumbel_worker_restarts_total'), 1);
  t.equal(value('gumbel_http_errors_total', { code: 'worker-lost' }), 1);
  t.equal(value('gumbel_workers_alive'), 1);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.ok(lines.some(({ msg }) => msg === 'a worker thread was lost'));
  t.ok(lines.some(({ code, status, route }) => code === 'worker-lost' && status === 503 && route === '/sample'));
});

t.test('the event loop and the process are measured', async (t) => {
  const service = await fresh(t);
  const holdTheLoop = async () => {
    const start = performance.now();
    while (performance.now() - start < 60);
    await new Promise(setImmediate);
  };
  // Each scrape begins the measurement anew; the first hold gives it a turn to measure from.
  await untilTrue(async () => {
    await holdTheLoop();
    await holdTheLoop();
    return ((await scrape(service)).value('nodejs_eventloop_lag_max_seconds') ?? 0) > 0.04;
  });
  const { value, types } = await scrape(service);
  t.ok((value('process_resident_memory_bytes') ?? 0) > 2 ** 20);
  t.ok((value('process_cpu_seconds_total') ?? 0) > 0);
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_open_fds', 'nodejs_heap_size_used_bytes']) {
    t.ok(types.has(name), name);
  }
});

t.test('two apps in one process count apart, and each says what it is', async (t) => {
  const [one, two] = [await fresh(t), await fresh(t)];
  await one.sample(loop);
  const sampled = { method: 'POST', route: '/sample', status: '200' };
  t.equal((await scrape(one)).value('gumbel_http_requests_total', sampled), 1);
  t.equal((await scrape(two)).value('gumbel_http_requests_total', sampled), undefined);
  const labels = {
    version: '0.0.0',
    noise_version: 'philox4x32-10/1',
    provider: testProvider,
    device: two.sampler.device,
  };
  t.equal((await scrape(two)).value('gumbel_build_info', labels), 1);
});
