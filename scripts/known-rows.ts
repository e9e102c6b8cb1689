/**
 * Rows whose soft samples are known from an independent source, test/fixtures/softmax_mpmath.json, up to K = 2^20, for
 * `npm run verify:provider`, `verify:cpu-features` and `verify:arm64`.
 */
import { readFileSync } from 'node:fs';
import { type BatchResult, type GradientJob, type Job, noneGiven, type SampleJob } from '../src/sampler/job.js';
import type { Provider } from '../src/sampler/onnx/provider.js';
import { pack } from '../src/sampler/queue/pack.js';
import { type Drawer, openDrawer } from '../src/sampler/worker/drawer.js';

interface Case {
  readonly temperature: number;
  readonly runs: readonly (readonly [logit: number, count: number])[];
  readonly samples: readonly number[];
}

/** The guarantee for a soft sample and for the sum of a row, at every K. */
export const knownRowErrorMax = 1e-6;

const fixture = new URL('../../test/fixtures/softmax_mpmath.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: Case[] };

function spread(values: readonly number[], { runs }: Case): Float32Array {
  return Float32Array.from(runs.flatMap(([, count], run) => new Array<number>(count).fill(values[run])));
}

function jobOf(given: Case): SampleJob {
  const logits = spread(
    given.runs.map(([logit]) => logit),
    given,
  );
  return {
    kind: 'draw',
    rows: 1,
    categories: logits.length,
    samples: 1,
    logits,
    temperature: Float32Array.of(given.temperature),
    streams: new Uint32Array(3),
    firstSample: 0,
    hard: false,
    gumbel: false,
    topK: 0,
    given: noneGiven,
    outputs: new Set(['samples'] as const),
  };
}

function gradientOf(given: Case, points: Float32Array): GradientJob {
  const { hard, topK, given: none, ...job } = jobOf(given);
  return { ...job, kind: 'vjp', raoSamples: 0, points, outputs: new Set(['gradLogits'] as const) };
}

const categoriesMax = 2 ** 20;

export interface KnownRowsDrawn {
  readonly rows: number;
  readonly samples: readonly Float32Array[];
  /** Largest error of a sample against the exact one, or of a row's sum against 1. */
  readonly errorMax: number;
}

async function drawAlone(drawer: Drawer, job: Job): Promise<BatchResult> {
  return drawer.draw(pack([{ job, rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 }]));
}

export async function drawKnownRows(provider: Provider): Promise<KnownRowsDrawn> {
  const drawer = await openDrawer({ provider, categoriesMax, batchElementsMax: categoriesMax });
  const drawn: Float32Array[] = [];
  let errorMax = 0;
  for (const given of cases) {
    const { samples } = await drawAlone(drawer, jobOf(given));
    const exact = spread(given.samples, given);
    for (const [k, value] of samples.entries()) errorMax = Math.max(errorMax, Math.abs(value - exact[k]));
    errorMax = Math.max(errorMax, Math.abs(samples.reduce((sum, value) => sum + value, 0) - 1));
    drawn.push(samples.slice());
  }
  return { rows: cases.length, samples: drawn, errorMax };
}

/**
 * The bound of a gradient times its temperature, s (c - <s, c>), for cotangents c of at most 1: the error of s counts
 * twice, as |c - <s, c>| <= 2, and that of <s, c> is at most the sum of all errors of s, which are those of
 * exponentials: 1e-6 of each s.
 */
export const knownGradientErrorMax = 3 * knownRowErrorMax;

export interface KnownGradientsDrawn {
  readonly gradients: readonly Float64Array[];
  /** Largest error of a gradient times its temperature. */
  readonly errorMax: number;
}

/**
 * The gradients of <c, soft sample> with respect to the logits of the known rows, beside those of the exact samples in
 * float64.
 */
export async function drawKnownGradients(): Promise<KnownGradientsDrawn> {
  const drawer = await openDrawer({ provider: 'cpu', categoriesMax, batchElementsMax: categoriesMax });
  const gradients: Float64Array[] = [];
  let errorMax = 0;
  for (const given of cases) {
    const exact = given.runs.flatMap(([, count], run) => new Array<number>(count).fill(given.samples[run]));
    const points = Float32Array.from(exact, (_, k) => Math.sin(3 * k));
    const { gradLogits } = await drawAlone(drawer, gradientOf(given, points));
    const temperature = Math.fround(given.temperature);
    const mean = exact.reduce((sum, value, k) => sum + value * points[k], 0);
    for (const [k, value] of exact.entries()) {
      const expected = value * (points[k] - mean);
      errorMax = Math.max(errorMax, Math.abs(gradLogits[k] * temperature - expected));
    }
    gradients.push(gradLogits.slice());
  }
  return { gradients, errorMax };
}
