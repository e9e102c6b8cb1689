/** The house: which room may import from which (docs/design.md). Each rule is a file or folder and what it may use. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const source = fileURLToPath(new URL('../../../src', import.meta.url));

/** What others may import of the sampler. */
const samplerApi = [
  'sampler/sampler.ts',
  'sampler/job.ts',
  'sampler/draw-trace.ts',
  'sampler/outputs.ts',
  'sampler/cost.ts',
  'sampler/draw-error.ts',
  'sampler/gradient.ts',
];

/** What both of its threads know. */
const samplerWords = ['sampler/job.ts', 'sampler/outputs.ts', 'sampler/index-search.ts', 'sampler/messages.ts'];

/**
 * The rule with the longest matching name holds for a file. Inside its own folder a file imports what it likes, unless
 * a longer rule says otherwise.
 */
const arrows: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['errors.ts', []],
  ['config.ts', ['option.ts', 'sizing.ts', 'tracing-options.ts', 'runtime/', 'zod', 'node:os']],
  ['tracing-options.ts', ['option.ts', 'zod']],
  ['option.ts', ['zod']],
  ['sizing.ts', []],
  ['runtime/', ['node:']],
  ['json/', ['errors.ts', 'runtime/', 'node:']],
  ['access/', ['errors.ts', 'fastify', '@fastify/bearer-auth', 'pino', 'node:']],
  ['schemas/', ['errors.ts', 'json/', 'runtime/', 'sampler/outputs.ts', 'zod']],
  ['http/', ['errors.ts', 'config.ts', 'json/', 'runtime/', 'schemas/problem.ts', 'fastify', 'node:']],
  [
    'routes/',
    [
      'errors.ts',
      'config.ts',
      'access/',
      'http/',
      'json/',
      'runtime/',
      'schemas/',
      ...samplerApi,
      'fastify',
      '@fastify/swagger',
      'yaml',
      'zod',
      'node:',
    ],
  ],
  [
    'open-inference/',
    ['errors.ts', 'http/', 'json/', 'routes/', 'runtime/', 'schemas/', ...samplerApi, 'fastify', 'zod', 'node:'],
  ],
  [
    'observability/',
    [
      'errors.ts',
      'http/observer.ts',
      'sampler/job.ts',
      'sampler/observer.ts',
      'sampler/sampler.ts',
      'pino',
      'prom-client',
      'sonic-boom',
      'node:',
    ],
  ],
  [
    'observability/tracing/',
    [
      'errors.ts',
      'tracing-options.ts',
      'http/observer.ts',
      'http/request-span.ts',
      'http/trace-context.ts',
      'observability/metrics.ts',
      'routes/request-trace.ts',
      'sampler/job.ts',
      'sampler/observer.ts',
      '@opentelemetry/',
      'pino',
      'node:crypto',
      'node:os',
      'node:worker_threads',
    ],
  ],
  [
    'sampler/',
    [
      'config.ts',
      'runtime/',
      'sampler/queue/',
      'sampler/worker/drawer.ts',
      'sampler/noise/version.ts',
      'sampler/onnx/provider.ts',
      'sampler/onnx/device.ts',
    ],
  ],
  [
    'sampler/queue/',
    [
      'errors.ts',
      'config.ts',
      'runtime/',
      ...samplerWords,
      'sampler/cost.ts',
      'sampler/draw-error.ts',
      'node:worker_threads',
    ],
  ],
  [
    'sampler/worker/',
    ['runtime/', ...samplerWords, 'sampler/noise/', 'sampler/row-kernel/', 'sampler/onnx/', 'node:worker_threads'],
  ],
  ['sampler/noise/', ['runtime/', 'sampler/noise/noise.ts']],
  // It runs in browsers too.
  ['sampler/noise/noise.ts', []],
  ['sampler/noise/version.ts', []],
  ['sampler/row-kernel/', ['runtime/', 'node:assert']],
  ['sampler/onnx/', ['onnxruntime-node', 'node:']],
  ['process-end.ts', ['observability/log.ts']],
  // Neither Fastify nor ONNX Runtime: the primary has no use for them.
  [
    'processes/',
    [
      'config.ts',
      'option.ts',
      'access/quota.ts',
      'observability/',
      'runtime/',
      'sampler/queue/pool.ts',
      'pino',
      'prom-client',
      'node:',
    ],
  ],
  [
    'app.ts',
    [
      'errors.ts',
      'config.ts',
      'access/',
      'http/',
      'observability/',
      'open-inference/',
      'routes/',
      'schemas/',
      'sampler/sampler.ts',
      'fastify',
      'pino',
      'zod',
    ],
  ],
  [
    'service.ts',
    [
      'app.ts',
      'config.ts',
      'option.ts',
      'access/access.ts',
      'access/callers.ts',
      'http/warm-up.ts',
      'observability/',
      'routes/context.ts',
      'runtime/connections-accepted.ts',
      'sampler/sampler.ts',
      'sampler/queue/pool.ts',
      'sampler/onnx/provider.ts',
      'pino',
      'node:',
    ],
  ],
  [
    'server.ts',
    ['config.ts', 'process-end.ts', 'service.ts', 'processes/', 'observability/', 'runtime/', 'pino', 'node:'],
  ],
];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.includes('assembly/'));

function ruleOf(file: string) {
  return arrows.filter(([from]) => file.startsWith(from)).sort(([a], [b]) => b.length - a.length)[0];
}

function importsOf(file: string, folder = source): string[] {
  const text = readFileSync(posix.join(folder, file), 'utf8');
  const names = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\(?\s*'([^']+)'/gm)].map(
    ([, from, bare]) => from ?? bare,
  );
  return names.map((name) =>
    name.startsWith('.') ? posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts') : name,
  );
}

t.test('every import follows an arrow of the house', async (t) => {
  for (const file of files) {
    const rule = ruleOf(file);
    t.ok(rule, `${file} has a rule`);
    const [from, allowed] = rule ?? ['', []];
    for (const name of importsOf(file)) {
      const ownRoom = from.endsWith('/') && ruleOf(name)?.[0] === from;
      t.ok(ownRoom || allowed.some((to) => name.startsWith(to)), `${file} imports ${name}`);
    }
  }
});

/** What a file loads when it is loaded: neither types nor what it imports later. */
function loadedBy(file: string, loaded = new Set<string>()): Set<string> {
  const text = readFileSync(posix.join(source, file), 'utf8');
  for (const [, clause = '', name = ''] of text.matchAll(/^(?:import|export)\b([^;]*?)\bfrom '([^']+)'/gm)) {
    const names = /\{([^}]*)\}/.exec(clause)?.[1]?.split(',') ?? [];
    const onlyTypes =
      /^\s+type\b/.test(clause) || (names.length > 0 && names.every((each) => /^\s*(type\b|$)/.test(each)));
    if (onlyTypes) continue;
    const path = name.startsWith('.') ? posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts') : name;
    if (loaded.has(path)) continue;
    loaded.add(path);
    if (name.startsWith('.')) loadedBy(path, loaded);
  }
  return loaded;
}

t.test('a primary loads neither Fastify nor ONNX Runtime, and one process alone nothing of processes/', async (t) => {
  const primary = [...loadedBy('processes/primary.ts'), ...loadedBy('observability/log.ts'), ...loadedBy('server.ts')];
  t.ok(primary.includes('prom-client') && primary.includes('processes/supervisor.ts'));
  t.same(
    primary.filter((name) => /fastify|onnxruntime|^(app|service)\.ts$|^sampler\//.test(name)),
    [],
  );
  const alone = [...loadedBy('server.ts'), ...loadedBy('service.ts'), ...loadedBy('config.ts')];
  t.ok(alone.includes('fastify'));
  t.same(
    alone.filter((name) => name.startsWith('processes/')),
    [],
  );
});

/**
 * The page in the browser knows nothing of the service's sources, and of packages only the client; what is pure touches
 * no document.
 */
const pageArrows: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['dom.ts', []],
  ['format.ts', []],
  ['state.ts', []],
  ['statistics.ts', []],
  ['gradient-error.ts', []],
  ['triangle.ts', []],
  ['requests.ts', ['state.ts']],
  ['curl.ts', ['requests.ts']],
  ['api-key.ts', ['dom.ts']],
  ['dock.ts', ['dom.ts']],
  ['service.ts', ['@gumbel-sampler/client', 'api-key.ts', 'requests.ts']],
  ['verification.ts', ['@gumbel-sampler/client/noise', 'dom.ts', 'format.ts']],
  ['loader.ts', ['requests.ts', 'service.ts']],
  ['frame.ts', ['dom.ts']],
  ['bars.ts', ['dom.ts']],
  ['live-view.ts', ['api-key.ts', 'curl.ts', 'frame.ts', 'loader.ts', 'requests.ts', 'service.ts', 'state.ts']],
  ['softmax-view.ts', ['bars.ts', 'format.ts', 'live-view.ts', 'requests.ts']],
  [
    'strip-view.ts',
    ['@gumbel-sampler/client/noise', 'dom.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'service.ts', 'state.ts'],
  ],
  ['frequency-view.ts', ['bars.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'statistics.ts']],
  ['triangle-view.ts', ['dom.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'triangle.ts']],
  ['gradient-view.ts', ['dom.ts', 'format.ts', 'gradient-error.ts', 'live-view.ts', 'requests.ts']],
  ['annealing.ts', ['dom.ts', 'format.ts', 'requests.ts', 'service.ts', 'state.ts']],
  ['controls.ts', ['dom.ts', 'format.ts', 'state.ts']],
  ['page.ts', ['']],
];

t.test('every import of the page follows an arrow of its own, and none leaves its folder', async (t) => {
  const page = fileURLToPath(new URL('../../../explore', import.meta.url));
  for (const file of readdirSync(page).filter((name) => name.endsWith('.ts'))) {
    const allowed = pageArrows.find(([from]) => file === from)?.[1];
    t.ok(allowed, `${file} has a rule`);
    for (const name of importsOf(file, page)) {
      t.ok(/^([a-z-]+\.ts|@gumbel-sampler\/client(\/noise)?)$/.test(name), `${file} imports ${name}, a neighbour`);
      t.ok(
        allowed?.some((to) => name.startsWith(to)),
        `${file} imports ${name}`,
      );
    }
  }
});

t.test(
  'only the entry, its end and the session touch the process, and only the session imports ONNX Runtime',
  async (t) => {
    for (const file of files) {
      const text = readFileSync(posix.join(source, file), 'utf8');
      // The session switches ONNX Runtime's telemetry off before it loads, wherever that is.
      const touches = ['server.ts', 'process-end.ts', 'sampler/onnx/session.ts'].includes(file);
      if (!touches) t.notMatch(text, /\bprocess\.\w/, `${file} does not touch process`);
      if (file !== 'sampler/onnx/session.ts') t.notMatch(text, /'onnxruntime-/, `${file} does not import ONNX Runtime`);
    }
  },
);
