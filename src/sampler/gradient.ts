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
export function sumGradients(job: Job, { gradLogits, gradTemperature }: JobResult): Gradients {
  const { rows, categories, samples } = job;
  const logits = sumOver(gradLogits ?? new Float64Array(0), rows * categories, samples);
  const ofRows = sumOver(gradTemperature ?? new Float64Array(0), gradTemperature ? rows : 0, samples);
  const sharedTemperature = Math.fround(ofRows.reduce((sum, value) => sum + value, 0));
  const wrongLogit = logits.findIndex((value) => !Number.isFinite(Math.fround(value)));
  const wrongTemperature = ofRows.findIndex((value) => !Number.isFinite(Math.fround(value)));
  const wrongRows = [Math.floor(wrongLogit / categories), wrongTemperature].filter((row) => row >= 0);
  return {
    logits: new Float32Array(logits),
    temperature: new Float32Array(ofRows),
    sharedTemperature,
    overflowRow: wrongRows.length === 0 ? -1 : Math.min(...wrongRows),
  };
}

/** The sums over `count` runs of `size` values that follow one another, in float64. */
function sumOver(values: Float64Array, size: number, count: number): Float64Array {
  const sums = new Float64Array(size);
  for (let run = 0, at = 0; run < count; run++) {
    for (let place = 0; place < size; place++, at++) sums[place] = (sums[place] as number) + (values[at] as number);
  }
  return sums;
}
