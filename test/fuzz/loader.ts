/** Hooks of Node's module loader that give back instrumented sources in place of those on disk. */
import type { InitializeHook, LoadHook } from 'node:module';

let sources: ReadonlyMap<string, string> = new Map();

export const initialize: InitializeHook<ReadonlyMap<string, string>> = (instrumented) => {
  sources = instrumented;
};

export const load: LoadHook = (url, context, nextLoad) => {
  const source = sources.get(url);
  return source === undefined ? nextLoad(url, context) : { format: 'module', source, shortCircuit: true };
};
