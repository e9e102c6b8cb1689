/** What a provider must have in common with the CPU, for `npm run verify:provider` and for the tests on WebGPU. */
import fc from 'fast-check';
import { drawsForward, isForward, type Job, type JobResult, noneGiven } from '../src/sampler/job.js';
import type { OutputName } from '../src/sampler/outputs.js';

/** The guarantee for soft samples between providers, at every K. Samples are at most 1, so this is absolute. */
export const softDifferenceMax = 1e-6;

/** Largest difference of each output of a job; 0 is equal bit for bit. */
export type Differences = { readonly [Name in OutputName]?: number };

export function differences(job: Job, cpu: JobResult, other: JobResult): Differences {
  return Object.fromEntries([...job.outputs].map((name) => [name, difference(cpu[name], other[name])]));
}

/** Infinity where a bit differs that no number explains: a length, a NaN, the sign of a zero. */
function difference(a: JobResult[OutputName], b: JobResult[OutputName]): number {
  if (!a || !b || a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let at = 0; at < a.length; at++) {
    const [own, theirs] = [a[at], b[at]];
    if (Object.is(own, theirs)) continue;
    const apart = Math.abs(own - theirs);
    largest = Math.max(largest, apart > 0 ? apart : Number.POSITIVE_INFINITY);
  }
  return largest;
}

/** Whether an output may differ at all, and by how much: soft samples may, and nothing else. */
export function differenceMax(job: Job, name: OutputName): number {
  return name === 'samples' && drawsForward(job) && !job.hard ? softDifferenceMax : 0;
}

/** The outputs that differ by more than they may. */
export function wrongOutputs(job: Job, found: Differences): OutputName[] {
  return [...job.outputs].filter((name) => !((found[name] ?? Number.POSITIVE_INFINITY) <= differenceMax(job, name)));
}

const logit = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -20, max: 20, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, 0, 1e7, -3.4e38, 3.4e38) },
);

const outputsOf = {
  draw: ['samples', 'indices', 'noise', 'logSamples', 'logProb'],
  conditioned: ['samples', 'indices', 'noise', 'logSamples'],
  vjp: ['gradLogits', 'gradTemperature'],
  reinmax: ['gradLogits'],
  gumbelRao: ['gradLogits'],
} as const satisfies Record<string, readonly OutputName[]>;

/** Any legal job of moderate size, half of them soft draws, with masks, extremes and every temperature. */
export const anyJob: fc.Arbitrary<Job> = fc
  .record({
    kind: fc.constantFrom(...(['draw', 'draw', 'draw', 'conditioned', 'vjp', 'reinmax', 'gumbelRao'] as const)),
    rows: fc.integer({ min: 1, max: 6 }),
    categories: fc.constantFrom(1, 2, 3, 7, 10, 16, 33, 100, 257, 1024, 1025, 1030),
    samples: fc.integer({ min: 1, max: 4 }),
    hard: fc.boolean(),
    gumbel: fc.boolean(),
    seed: fc.bigInt(0n, 2n ** 64n - 1n),
    temperatures: fc.array(fc.constantFrom(1e-6, 0.05, 0.5, 1, 1, 10, 1e6), { minLength: 6, maxLength: 6 }),
    pattern: fc.array(logit, { minLength: 2, maxLength: 97 }),
  })
  .map(({ kind, rows, categories, samples, hard, gumbel, seed, temperatures, pattern }) => {
    const elements = rows * categories;
    const logits = Float32Array.from({ length: elements }, (_, at) => {
      const value = pattern[(at * 7 + Math.floor(at / categories)) % pattern.length];
      return Math.abs(value) < 2 ** -100 ? 0 : value;
    });
    for (let at = 0; at < elements; at += categories) if (!Number.isFinite(logits[at])) logits[at] = 1;
    const streams = Uint32Array.from({ length: 3 * rows }, (_, at) => {
      return [Number(seed & 0xffffffffn), Number(seed >> 32n), Math.floor(at / 3)][at % 3];
    });
    const points = Float32Array.from({ length: samples * elements }, (_, at) => Math.sin(3 * at));
    const wanted: readonly OutputName[] = outputsOf[kind];
    const job = {
      rows,
      categories,
      samples,
      logits,
      temperature: Float32Array.from(temperatures.slice(0, rows)),
      streams,
      firstSample: 0,
      gumbel: gumbel || kind === 'conditioned' || kind === 'gumbelRao',
      outputs: new Set(wanted),
    };
    if (!isForward(kind)) return { ...job, kind, raoSamples: kind === 'gumbelRao' ? 3 : 0, points };
    // The first category of every row is unmasked.
    return { ...job, kind, hard, topK: 0, given: kind === 'conditioned' ? new Int32Array(rows) : noneGiven };
  });
