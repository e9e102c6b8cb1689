/** From the gradients of a job's draws to the gradients of what it was given: sums over the draws each value fed. */
import type { Job, JobResult } from './job.js';

export interface Gradients {
  /** float32 [B, K], summed over the samples of each row. */
  readonly logits: Float32Array;
  /** float32 [B]: summed over the samples of each row. Empty when it was not asked for. */
  readonly temperature: Float32Array;
  /** float32: `temperature` summed over the rows too, for a job whose rows share one. */
  readonly sharedTemperature: number;
  /** The first row with a gradient of its own that leaves float32, or -1; sharedTemperature may leave it alone. */
  readonly overflowRow: number;
}

/** Adds in float64, sample after sample, so that the sum does not depend on how the job was split; one rounding to float32. */
export function sumGradients(job: Job, result: JobResult): Gradients {
  const { rows, categories, samples } = job;
  const size = rows * categories;
  const perDraw = result.gradLogits ?? new Float32Array(0);
  const logits = Float32Array.from({ length: size }, (_, at) => sumOver(perDraw, at, size, samples));
  const temperaturePerDraw = result.gradTemperature;
  const ofRows = temperaturePerDraw
    ? Float64Array.from({ length: rows }, (_, row) => sumOver(temperaturePerDraw, row, rows, samples))
    : new Float64Array(0);
  const temperature = Float32Array.from(ofRows);
  const sharedTemperature = Math.fround(ofRows.reduce((sum, value) => sum + value, 0));
  const wrongLogit = logits.findIndex((value) => !Number.isFinite(value));
  const wrongTemperature = temperature.findIndex((value) => !Number.isFinite(value));
  const wrongRows = [Math.floor(wrongLogit / categories), wrongTemperature].filter((row) => row >= 0);
  return { logits, temperature, sharedTemperature, overflowRow: wrongRows.length === 0 ? -1 : Math.min(...wrongRows) };
}

/** values[at] + values[at + stride] + ..., `count` terms in that order. */
function sumOver(values: Float32Array, at: number, stride: number, count: number): number {
  let sum = 0;
  for (let term = 0; term < count; term++) sum += values[at + term * stride] as number;
  return sum;
}
