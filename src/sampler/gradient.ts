/** From the gradients of a job's draws to the gradients of what it was given: sums over the draws each value fed. */
import type { Job, JobResult } from './job.js';

export interface Gradients {
  /** float32 [B, K], summed over the samples of each row. */
  readonly logits: Float32Array;
  /** float32 [B]: summed over the samples of each row. Empty when it was not asked for. */
  readonly temperature: Float32Array;
  /** float32: `temperature` summed over the rows too, for a job whose rows share one. */
  readonly sharedTemperature: number;
  /** The first row of which a gradient with respect to the logits leaves float32, or -1. */
  readonly logitsOverflowRow: number;
  /** The first row of which `temperature` does, or -1. */
  readonly temperatureOverflowRow: number;
}

/**
 * Adds in float64, sample after sample, so that the sum does not depend on how the job was split; one rounding to float32, at the end.
 * A draw's own gradient may leave float32 where the sum does not.
 */
export function sumGradients(job: Job, { gradLogits, gradTemperature }: JobResult): Gradients {
  const { rows, categories, samples } = job;
  const ofLogits = sumOver(gradLogits ?? new Float64Array(0), rows * categories, samples);
  const ofRows = sumOver(gradTemperature ?? new Float64Array(0), gradTemperature ? rows : 0, samples);
  const sharedTemperature = Math.fround(ofRows.reduce((sum, value) => sum + value, 0));
  const logits = new Float32Array(ofLogits);
  const temperature = new Float32Array(ofRows);
  return {
    logits,
    temperature,
    sharedTemperature,
    logitsOverflowRow: Math.floor(firstOverflow(logits) / categories),
    temperatureOverflowRow: firstOverflow(temperature),
  };
}

/** No gradient is NaN, so what is not finite has left float32. */
function firstOverflow(values: Float32Array): number {
  return values.findIndex((value) => !Number.isFinite(value));
}

/** The sums over `count` runs of `size` values that follow one another, in float64. */
function sumOver(values: Float64Array, size: number, count: number): Float64Array {
  const sums = new Float64Array(size);
  for (let run = 0, at = 0; run < count; run++) {
    for (let place = 0; place < size; place++, at++) sums[place] = (sums[place] as number) + (values[at] as number);
  }
  return sums;
}
