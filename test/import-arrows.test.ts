/** The house: which room may import from which (docs/design.md). Each rule is a file or folder and what it may use. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const source = fileURLToPath(new URL('../../src', import.meta.url));

/** The first rule whose name starts a file's path decides; its own folder is always allowed for a folder. */
const arrows: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['errors.ts', []],
  ['lifecycle.ts', []],
  ['kept-buffers.ts', []],
  ['short-lived-set.ts', []],
  ['memory-settings.ts', ['node:v8']],
  ['path-table.ts', []],
  ['http/shared-read-buffer.ts', ['node:net']],
  ['http/parser-body.ts', ['node:net']],
  ['http/request-form.ts', ['errors.ts', 'node:http']],
  ['http/body-form.ts', ['errors.ts', 'node:http']],
  ['http/cors.ts', ['node:http']],
  ['http/messages.ts', ['errors.ts', 'node:http']],
  [
    'http/connection.ts',
    [
      'http/messages.ts',
      'http/parser-body.ts',
      'http/shared-read-buffer.ts',
      'short-lived-set.ts',
      'node:http',
      'node:net',
    ],
  ],
  ['http/connections.ts', ['http/connection.ts', 'short-lived-set.ts', 'node:http', 'node:net']],
  ['http/request-buffers.ts', ['kept-buffers.ts']],
  ['http/memory-budget.ts', ['errors.ts', 'http/request-buffers.ts', 'reply-end.ts', 'fastify', 'node:http']],
  ['http/body-reader.ts', ['errors.ts', 'http/connection.ts', 'http/memory-budget.ts', 'fastify', 'node:stream']],
  ['http-server.ts', ['config.ts', 'http/', 'reply-end.ts', 'node:http']],
  ['reply-end.ts', ['node:http']],
  ['config.ts', ['zod', 'node:os']],
  ['request-id.ts', ['node:crypto', 'node:http']],
  ['log.ts', ['pino', 'sonic-boom']],
  ['paced-generation.ts', []],
  [
    'metrics.ts',
    [
      'errors.ts',
      'paced-generation.ts',
      'sampler/observer.ts',
      'sampler/sampler.ts',
      'prom-client',
      'node:timers/promises',
    ],
  ],
  ['observe-requests.ts', ['errors.ts', 'error-replies.ts', 'metrics.ts', 'reply-end.ts', 'fastify', 'pino']],
  [
    'full-queue.ts',
    [
      'errors.ts',
      'error-replies.ts',
      'observe-requests.ts',
      'path-table.ts',
      'reply-end.ts',
      'request-id.ts',
      'http/request-form.ts',
      'node:http',
    ],
  ],
  [
    'practise-refusals.ts',
    ['errors.ts', 'full-queue.ts', 'http-server.ts', 'path-table.ts', 'node:events', 'node:net'],
  ],
  ['access/api-keys.ts', ['node:crypto']],
  ['access/quota.ts', []],
  ['access/callers.ts', ['access/api-keys.ts', 'access/quota.ts', 'errors.ts']],
  ['access/key-file.ts', ['access/api-keys.ts', 'node:fs', 'node:timers/promises']],
  ['access/access.ts', ['access/api-keys.ts', 'access/callers.ts', 'access/key-file.ts', 'pino']],
  ['access/guard.ts', ['access/callers.ts', '@fastify/bearer-auth', 'fastify']],
  [
    'error-replies.ts',
    [
      'errors.ts',
      'path-table.ts',
      'http/connection.ts',
      'http/cors.ts',
      'http/request-form.ts',
      'schemas/problem.ts',
      'json/malformed-json-error.ts',
      'json/shown-text.ts',
      'json/turn.ts',
      'fastify',
      'node:',
    ],
  ],
  [
    'app.ts',
    [
      'config.ts',
      'errors.ts',
      'error-replies.ts',
      'full-queue.ts',
      'http/cors.ts',
      'http/memory-budget.ts',
      'http-server.ts',
      'lifecycle.ts',
      'http/connections.ts',
      'metrics.ts',
      'observe-requests.ts',
      'path-table.ts',
      'request-id.ts',
      'access/callers.ts',
      'access/guard.ts',
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
      'access/access.ts',
      'app.ts',
      'config.ts',
      'lifecycle.ts',
      'metrics.ts',
      'practise-refusals.ts',
      'sampler/onnx/provider.ts',
      'sampler/sampler.ts',
      'pino',
      'node:',
    ],
  ],
  ['process-end.ts', ['log.ts']],
  ['http/constant-reply.ts', ['fastify', 'node:crypto']],
  ['runtime/open-files.ts', ['node:fs']],
  [
    'server.ts',
    [
      'config.ts',
      'log.ts',
      'memory-settings.ts',
      'metrics.ts',
      'process-end.ts',
      'runtime/open-files.ts',
      'service.ts',
      'node:',
    ],
  ],
  [
    'routes/',
    [
      'errors.ts',
      'kept-buffers.ts',
      'lifecycle.ts',
      'access/callers.ts',
      'access/guard.ts',
      'http/constant-reply.ts',
      'http/body-form.ts',
      'http/body-reader.ts',
      'http/request-buffers.ts',
      'json/',
      'tensors/',
      'schemas/',
      'sampler/sampler.ts',
      'sampler/cost.ts',
      'sampler/job.ts',
      'sampler/gradient.ts',
      'yaml',
      'fastify',
      '@fastify/',
      'zod',
      'node:crypto',
      'node:fs',
      'node:module',
      'node:stream',
    ],
  ],
  ['schemas/', ['errors.ts', 'json/', 'tensors/', 'zod']],
  ['tensors/', ['json/turn.ts', 'node:fs']],
  ['json/', ['errors.ts', 'node:']],
  ['sampler/job.ts', []],
  ['sampler/row-kernel/blocks.ts', ['sampler/row-kernel/row-kernel.ts']],
  ['sampler/row-kernel/row-kernel.ts', ['sampler/row-kernel/exports.ts', 'node:assert/strict']],
  ['sampler/row-kernel/gradient-kernel.ts', ['sampler/row-kernel/exports.ts', 'node:assert/strict']],
  ['sampler/row-kernel/exports.ts', ['node:fs']],
  ['sampler/choose-provider.ts', ['sampler/onnx/provider.ts']],
  ['sampler/messages.ts', ['sampler/job.ts', 'sampler/onnx/provider.ts']],
  ['sampler/batch.ts', ['sampler/job.ts', 'sampler/messages.ts']],
  ['sampler/observer.ts', ['sampler/job.ts']],
  ['sampler/give-way.ts', ['node:fs', 'node:os']],
  ['sampler/result-memory.ts', ['kept-buffers.ts', 'sampler/job.ts']],
  ['sampler/cost.ts', ['sampler/job.ts']],
  ['sampler/queue/capacity.ts', []],
  ['sampler/queue/fair-order.ts', ['sampler/job.ts']],
  ['sampler/queue/shedding.ts', []],
  ['sampler/queue/work-rate.ts', ['sampler/cost.ts']],
  [
    'sampler/queue/entry.ts',
    [
      'sampler/cost.ts',
      'sampler/job.ts',
      'sampler/queue/capacity.ts',
      'sampler/queue/fair-order.ts',
      'sampler/queue/shedding.ts',
    ],
  ],
  [
    'sampler/queue/queue.ts',
    [
      'sampler/cost.ts',
      'sampler/job.ts',
      'sampler/queue/capacity.ts',
      'sampler/queue/entry.ts',
      'sampler/queue/fair-order.ts',
      'sampler/queue/shedding.ts',
    ],
  ],
  [
    'sampler/queue/deadlines.ts',
    ['errors.ts', 'sampler/cost.ts', 'sampler/job.ts', 'sampler/queue/entry.ts', 'sampler/queue/queue.ts'],
  ],
  [
    'sampler/batcher.ts',
    [
      'sampler/job.ts',
      'sampler/queue/deadlines.ts',
      'sampler/queue/entry.ts',
      'sampler/queue/queue.ts',
      'errors.ts',
      'short-lived-set.ts',
    ],
  ],
  ['sampler/pool.ts', ['sampler/job.ts', 'sampler/messages.ts', 'errors.ts', 'node:worker_threads']],
  ['sampler/plan.ts', ['sampler/job.ts', 'sampler/messages.ts']],
  ['sampler/tiles.ts', ['sampler/job.ts', 'sampler/plan.ts', 'sampler/noise/noise.ts']],
  ['sampler/row-outputs.ts', ['sampler/job.ts', 'sampler/tiles.ts', 'sampler/row-kernel/']],
  ['sampler/gradient.ts', ['sampler/job.ts']],
  ['sampler/density.ts', ['sampler/job.ts', 'sampler/plan.ts', 'sampler/row-kernel/']],
  [
    'sampler/forward.ts',
    [
      'sampler/job.ts',
      'sampler/plan.ts',
      'sampler/tiles.ts',
      'sampler/row-outputs.ts',
      'sampler/noise/noise.ts',
      'sampler/onnx/session.ts',
    ],
  ],
  [
    'sampler/backward.ts',
    [
      'sampler/job.ts',
      'sampler/plan.ts',
      'sampler/tiles.ts',
      'sampler/noise/noise.ts',
      'sampler/onnx/session.ts',
      'sampler/row-kernel/gradient-kernel.ts',
    ],
  ],
  [
    'sampler/drawer.ts',
    [
      'sampler/job.ts',
      'sampler/forward.ts',
      'sampler/backward.ts',
      'sampler/density.ts',
      'sampler/tiles.ts',
      'sampler/noise/noise.ts',
      'sampler/onnx/proof.ts',
      'sampler/onnx/provider.ts',
      'sampler/onnx/session.ts',
    ],
  ],
  ['sampler/worker.ts', ['sampler/drawer.ts', 'sampler/give-way.ts', 'sampler/messages.ts', 'node:worker_threads']],
  [
    'sampler/sampler.ts',
    [
      'errors.ts',
      'kept-buffers.ts',
      'sampler/batch.ts',
      'sampler/batcher.ts',
      'sampler/choose-provider.ts',
      'sampler/cost.ts',
      'sampler/queue/work-rate.ts',
      'sampler/job.ts',
      'sampler/messages.ts',
      'sampler/observer.ts',
      'sampler/pool.ts',
      'sampler/result-memory.ts',
      'sampler/noise/version.ts',
      'sampler/onnx/device.ts',
      'sampler/onnx/provider.ts',
    ],
  ],
  ['sampler/noise/', ['node:']],
  ['sampler/onnx/', ['onnxruntime-node', 'node:']],
];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.includes('assembly/'));

function importsOf(file: string, folder = source): string[] {
  const text = readFileSync(posix.join(folder, file), 'utf8');
  const names = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\(?\s*'([^']+)'/gm)].map(
    ([, from, bare]) => (from ?? bare) as string,
  );
  return names.map((name) =>
    name.startsWith('.') ? posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts') : name,
  );
}

t.test('every import follows an arrow of the house', async (t) => {
  for (const file of files) {
    const rule = arrows.find(([from]) => file.startsWith(from));
    t.ok(rule, `${file} has a rule`);
    const [from, allowed] = rule ?? ['', []];
    for (const name of importsOf(file)) {
      const ownRoom = from.endsWith('/') && name.startsWith(from);
      t.ok(ownRoom || allowed.some((to) => name.startsWith(to)), `${file} imports ${name}`);
    }
  }
});

/** The page in the browser knows nothing of the service's sources, nor of any package; what is pure touches no document. */
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
  ['service.ts', ['api-key.ts', 'requests.ts']],
  ['loader.ts', ['requests.ts', 'service.ts']],
  ['frame.ts', ['dom.ts']],
  ['bars.ts', ['dom.ts']],
  ['live-view.ts', ['api-key.ts', 'curl.ts', 'frame.ts', 'loader.ts', 'requests.ts', 'service.ts', 'state.ts']],
  ['softmax-view.ts', ['bars.ts', 'format.ts', 'live-view.ts', 'requests.ts']],
  ['strip-view.ts', ['dom.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'state.ts']],
  ['frequency-view.ts', ['bars.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'statistics.ts']],
  ['triangle-view.ts', ['dom.ts', 'format.ts', 'live-view.ts', 'requests.ts', 'triangle.ts']],
  ['gradient-view.ts', ['dom.ts', 'format.ts', 'gradient-error.ts', 'live-view.ts', 'requests.ts']],
  ['annealing.ts', ['dom.ts', 'format.ts', 'requests.ts', 'service.ts', 'state.ts']],
  ['controls.ts', ['dom.ts', 'format.ts', 'state.ts']],
  ['page.ts', ['']],
];

t.test('every import of the page follows an arrow of its own, and none leaves its folder', async (t) => {
  const page = fileURLToPath(new URL('../../explore', import.meta.url));
  for (const file of readdirSync(page).filter((name) => name.endsWith('.ts'))) {
    const allowed = pageArrows.find(([from]) => file === from)?.[1];
    t.ok(allowed, `${file} has a rule`);
    for (const name of importsOf(file, page)) {
      t.ok(/^[a-z-]+\.ts$/.test(name), `${file} imports ${name}, a neighbour`);
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
