/**
 * Given to the built service as NODE_OPTIONS=--import: at its end it writes which packages its main thread has loaded,
 * and how many other threads it has started.
 */
import { writeFileSync } from 'node:fs';
import Module from 'node:module';
import { isMainThread } from 'node:worker_threads';

const folder = process.env.LOADED_MODULES;

if (folder !== undefined && isMainThread) {
  let threads = 0;
  process.on('worker', () => {
    threads += 1;
  });
  process.on('exit', () => {
    const { _cache } = Module as unknown as { _cache: Record<string, unknown> };
    const packages = Object.keys(_cache).map(
      (path) => /node_modules\/(@opentelemetry\/[^/]+|prom-client)\//.exec(path)?.[1],
    );
    const role = process.argv.find((argument) => argument.startsWith('--process=')) ?? 'first';
    const loaded = { packages: [...new Set(packages.filter(Boolean))].sort(), threads };
    writeFileSync(`${folder}/${role}.json`, JSON.stringify(loaded));
  });
}
