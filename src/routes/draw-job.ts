/** Makes the sampler's job from a validated draw, or from points whose log-probability is asked for. */
import { randomBytes } from 'node:crypto';
import { type GradientJob, type Job, noneGiven, type SampleJob } from '../sampler/job.js';
import type { OutputName } from '../sampler/outputs.js';
import type { Draw } from '../schemas/draw.js';
import { type Estimator, hasTemperatureGradient } from '../schemas/estimator.js';
import { type Points, pointDraws } from '../schemas/log-prob-points.js';
import type { Logits } from '../schemas/logits.js';
import type { Temperature } from '../schemas/temperature.js';

/** A seed of 64 bits from the system's CSPRNG, as the decimal string with which clients replay the draw. */
export function randomSeed(): string {
  return randomBytes(8).readBigUInt64LE().toString();
}

// Each kind of job is one literal. Spreading a common part costs each small draw more than these lines.

/**
 * The job of a draw. Its result is complete after `hardenRows`.
 *
 * @param topK the number of categories in the output topIndices, 0 without it
 * @param given int32 [B]: the indices that the draw is conditioned on
 */
export function sampleJob(draw: Draw, wanted: Set<OutputName>, topK: number, given: Int32Array | undefined): SampleJob {
  const { logits, temperature, seed, numSamples = 1, rowOffset, sampleOffset, hard, noise } = draw;
  if (draw.hardRows && wanted.has('samples')) wanted.add('indices');
  const { rows, categories, data } = logits;
  return {
    kind: given === undefined ? 'draw' : 'conditioned',
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
    given: given ?? noneGiven,
    outputs: wanted,
  };
}

/** The outputs of the backward pass by its estimator. */
const allGradients: ReadonlySet<OutputName> = new Set(['gradLogits', 'gradTemperature']);
const logitGradients: ReadonlySet<OutputName> = new Set(['gradLogits']);

/** The kind of job of each estimator. `softmax` is straight-through without noise. */
const kindOf = { straight_through: 'vjp', reinmax: 'reinmax', softmax: 'vjp', gumbel_rao: 'gumbelRao' } as const;

/** The job of the backward pass. `cotangent` is float32 [S, B, K]. */
export function vjpJob(draw: Draw, cotangent: Float32Array, estimator: Estimator, raoSamples: number): GradientJob {
  const { logits, temperature, seed, numSamples = 1, rowOffset, sampleOffset, noise } = draw;
  const { rows, categories, data } = logits;
  return {
    kind: kindOf[estimator],
    rows,
    categories,
    samples: numSamples,
    logits: data,
    temperature: ofRows(temperature, rows),
    streams: streamsOf(rowOffset, seed, rows),
    firstSample: sampleOffset,
    gumbel: noise === 'gumbel' && estimator !== 'softmax',
    raoSamples,
    points: cotangent,
    outputs: hasTemperatureGradient(estimator) ? allGradients : logitGradients,
  };
}

const logProbOnly = new Set(['logProb'] as const);

/** The job of the log-probability of points. Indices have no temperature. */
export function logProbJob(
  { rows, categories, data }: Logits,
  temperature: Temperature | undefined,
  points: Points,
): Job {
  const { kind, shape, numbers } = points;
  const size = {
    rows,
    categories,
    samples: pointDraws(points) / rows,
    logits: data,
    temperature: temperature ? ofRows(temperature, rows) : new Float32Array(rows).fill(1),
    points: numbers.data,
    outputs: logProbOnly,
  };
  switch (kind) {
    case 'samples':
      return { kind: 'densityOfSamples', ...size };
    case 'log_samples':
      return { kind: 'densityOfLogSamples', ...size };
    case 'indices':
      return { kind: 'logProbOfIndices', topK: 1, ...size };
    default:
      return { kind: 'logProbOfTopIndices', topK: shape.at(-1) as number, ...size };
  }
}

/** float32 [rows]. */
function ofRows({ perRow, values }: Temperature, rows: number): Float32Array {
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
