/** Makes the sampler's job from a validated draw. */
import { randomBytes } from 'node:crypto';
import type { GradientJob, SampleJob } from '../sampler/job.js';
import type { OutputName } from '../sampler/outputs.js';
import type { Draw } from '../schemas/draw.js';
import type { Temperature } from '../schemas/temperature.js';
import type { Estimator } from '../schemas/vjp.js';

/** A seed of 64 bits from the system's CSPRNG, as the decimal string with which clients replay the draw. */
export function randomSeed(): string {
  return randomBytes(8).readBigUInt64LE().toString();
}

// Each kind of job is one literal. Spreading a common part costs each small draw more than these lines.

/**
 * The job of a draw. Its result is complete after `hardenRows`.
 *
 * @param topK the number of categories in the output topIndices, 0 without it
 */
export function sampleJob(draw: Draw, wanted: Set<OutputName>, topK: number): SampleJob {
  const { logits, temperature, seed, numSamples = 1, rowOffset, sampleOffset, hard, noise } = draw;
  if (draw.hardRows && wanted.has('samples')) wanted.add('indices');
  const { rows, categories, data } = logits;
  return {
    kind: 'draw',
    rows,
    categories,
    samples: numSamples,
    logits: data,
    temperature: ofRows(temperature, rows),
    streams: streamsOf(rowOffset, seed, rows),
    firstSample: sampleOffset,
    hard,
    gumbel: noise === 'gumbel',
    topK,
    outputs: wanted,
  };
}

/** The job of the backward pass. `cotangent` is float32 [S, B, K]. */
export function vjpJob(draw: Draw, cotangent: Float32Array, estimator: Estimator): GradientJob {
  const { logits, temperature, seed, numSamples = 1, rowOffset, sampleOffset, noise } = draw;
  const { rows, categories, data } = logits;
  const straightThrough = estimator === 'straight_through';
  return {
    kind: straightThrough ? 'vjp' : 'reinmax',
    rows,
    categories,
    samples: numSamples,
    logits: data,
    temperature: ofRows(temperature, rows),
    streams: streamsOf(rowOffset, seed, rows),
    firstSample: sampleOffset,
    gumbel: noise === 'gumbel',
    points: cotangent,
    outputs: new Set(straightThrough ? (['gradLogits', 'gradTemperature'] as const) : (['gradLogits'] as const)),
  };
}

/** float32 [rows]. */
export function ofRows({ perRow, values }: Temperature, rows: number): Float32Array {
  return perRow ? values : new Float32Array(rows).fill(values[0]);
}

/**
 * uint32 [rows, 3]: low word of the seed, high word, and row of the noise. One seed numbers its rows from `rowOffset`
 * on; with a seed per row each row is row 0 of its own seed.
 */
function streamsOf(rowOffset: number, { perRow, words }: Draw['seed'], rows: number): Uint32Array {
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) {
    const seedOffset = perRow ? 2 * row : 0;
    streams[3 * row] = words[seedOffset];
    streams[3 * row + 1] = words[seedOffset + 1];
    streams[3 * row + 2] = perRow ? 0 : rowOffset + row;
  }
  return streams;
}
