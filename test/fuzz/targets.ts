/** The targets of the fuzzer, and what is instrumented for each. */
import type { Target } from './target.js';

export const targetNames = ['json', 'tensors', 'http'] as const;
export type TargetName = (typeof targetNames)[number];

interface TargetSpec {
  /** Files and folders below src whose blocks are counted. */
  readonly instrumented: readonly string[];
  /** Loads the target, and with it what is instrumented. */
  readonly load: () => Promise<Target>;
}

export const targets: Readonly<Record<TargetName, TargetSpec>> = {
  json: {
    instrumented: ['json', 'schemas', 'routes/json-body.js'],
    load: async () => (await import('./targets/json.js')).jsonTarget,
  },
  tensors: {
    instrumented: ['json', 'schemas', 'open-inference'],
    load: async () => (await import('./targets/tensors.js')).tensorsTarget,
  },
  http: {
    instrumented: ['http', 'routes', 'access', 'open-inference', 'app.js'],
    load: async () => (await import('./targets/http.js')).openHttpTarget(),
  },
};

export function isTargetName(name: string | undefined): name is TargetName {
  return targetNames.some((known) => known === name);
}
