/**
 * Rows whose soft samples are known from an independent source, test/fixtures/softmax_mpmath.json, up to K = 2^20, for
 * `npm run verify:provider` and `npm run verify:cpu-features`.
 */
import { readFileSync } from 'node:fs';
import { pack } from '../src/sampler/batch.js';
import { openDrawer } from '../src/sampler/drawer.js';
import type { Job } from '../src/sampler/job.js';
import type { Provider } from '../src/sampler/onnx/provider.js';

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
  return Float32Array.from(runs.flatMap(([, count], run) => new Array<number>(count).fill(values[run] as number)));
}

function jobOf(given: Case): Job {
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
    points: new Float32Array(0),
    outputs: new Set(['samples'] as const),
  };
}

const categoriesMax = 2 ** 20;

export interface KnownRowsDrawn {
  readonly rows: number;
  readonly samples: readonly Float32Array[];
  /** Largest error of a sample against the exact one, or of a row's sum against 1. */
  readonly errorMax: number;
}

export async function drawKnownRows(provider: Provider): Promise<KnownRowsDrawn> {
  const drawer = await openDrawer({ provider, categoriesMax, batchElementsMax: categoriesMax });
  const drawn: Float32Array[] = [];
  let errorMax = 0;
  for (const given of cases) {
    const job = jobOf(given);
    const { samples } = await drawer.draw(pack([{ job, rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 }]));
    const exact = spread(given.samples, given);
    for (const [k, value] of samples.entries()) errorMax = Math.max(errorMax, Math.abs(value - (exact[k] as number)));
    errorMax = Math.max(errorMax, Math.abs(samples.reduce((sum, value) => sum + value, 0) - 1));
    drawn.push(samples.slice());
  }
  return { rows: cases.length, samples: drawn, errorMax };
}
