/** Names of options, for callers without a compiler: a misspelt temperature would draw at another one. */
import type { SampleOptions, VjpOptions } from './draw.js';
import type { LogProbOptions } from './log-prob.js';

type Names<Options> = Readonly<Record<keyof Options, true>>;

const call = { signal: true, timeoutMs: true } as const;

const draw = {
  ...call,
  shape: true,
  temperature: true,
  hard: true,
  seed: true,
  numSamples: true,
  rowOffset: true,
  sampleOffset: true,
  noise: true,
  masks: true,
  parameters: true,
} as const;

export const sampleOptionNames: Names<SampleOptions> = { ...draw, outputs: true, topK: true, givenIndices: true };
export const vjpOptionNames: Names<VjpOptions> = { ...draw, estimator: true, raoSamples: true };
export const logProbOptionNames: Names<LogProbOptions> = { ...call, shape: true, temperature: true, masks: true };

export function refuseUnknown(method: string, options: object, names: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(names, name));
  if (unknown.length === 0) return;
  throw new TypeError(`${method} has no option ${unknown.join(', ')}; it has ${Object.keys(names).join(', ')}.`);
}
