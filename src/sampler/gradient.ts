/**
 * Sums the gradients of a job's draws to the gradients of its inputs. Each input value gets the sum over all draws that
 * it was used in.
 */
import type { Job, JobResult } from './job.js';

export interface Gradients {
  /** float32 [B, K], summed over the samples of each row. */
  readonly logits: Float32Array;
  /** float32 [B], summed over the samples of each row. Empty when the job has no gradTemperature. */
  readonly temperature: Float32Array;
  /** float32, summed over samples and rows, for a job whose rows share one temperature. */
  readonly sharedTemperature: number;
  /** The first row with a gradient of `logits` beyond the range of float32, or -1. */
  readonly logitsOverflowRow: number;
  /** The first row with a gradient of `temperature` beyond the range of float32, or -1. */
  readonly temperatureOverflowRow: number;
}

/** The most elements that one turn of the event loop adds. */
const turnElements = 2 ** 17;

/**
 * Adds in float64, in the order of the samples, and rounds once to float32 at the end. So the sums do not depend on how
 * the job was split into parts. The gradient of a single draw may exceed float32 where the sum does not.
 *
 * @param nextTurn waits for the next turn of the event loop; called after each `turnElements` elements
 */
export async function sumGradients(
  job: Job,
  { gradLogits, gradTemperature }: JobResult,
  nextTurn: () => Promise<void>,
): Promise<Gradients> {
  const { rows, categories, samples } = job;
  const logits = sumOver(gradLogits ?? noGradient, rows * categories, samples, nextTurn);
  const temperature = sumOver(gradTemperature ?? noGradient, gradTemperature ? rows : 0, samples, nextTurn);
  const sums = { logits: await logits, temperature: await temperature };
  return {
    logits: sums.logits.values,
    temperature: sums.temperature.values,
    sharedTemperature: Math.fround(sums.temperature.values64.reduce((sum, value) => sum + value, 0)),
    logitsOverflowRow: Math.floor(sums.logits.overflowIndex / categories),
    temperatureOverflowRow: sums.temperature.overflowIndex,
  };
}

const noGradient = new Float64Array(0);

interface Sums {
  readonly values64: Float64Array;
  /** values64, rounded. */
  readonly values: Float32Array;
  /** The index of the first value beyond the range of float32, or -1. */
  readonly overflowIndex: number;
}

/** Sums `gradients`, float64 [samples, size], over its samples. */
async function sumOver(
  gradients: Float64Array,
  size: number,
  samples: number,
  nextTurn: () => Promise<void>,
): Promise<Sums> {
  const values64 = new Float64Array(size);
  const values = new Float32Array(size);
  const samplesPerTurn = Math.max(1, Math.floor(turnElements / size));
  let overflowIndex = -1;
  for (let sample = 0; sample < samples; sample += samplesPerTurn) {
    const sampleEnd = Math.min(sample + samplesPerTurn, samples);
    for (let from = 0; from < size; from += turnElements) {
      if (sample + from > 0) await nextTurn();
      addSamples(values64, gradients, size, from, Math.min(from + turnElements, size), sample, sampleEnd);
    }
  }
  for (let from = 0; from < size; from += turnElements) {
    if (from > 0) await nextTurn();
    const found = round(values64, values, from, Math.min(from + turnElements, size));
    if (overflowIndex < 0) overflowIndex = found;
  }
  return { values64, values, overflowIndex };
}

/** Rounds sums [from, to) to float32. @returns the index of the first beyond its range, or -1 */
function round(sums: Float64Array, values: Float32Array, from: number, to: number): number {
  let overflowIndex = -1;
  for (let index = from; index < to; index++) {
    values[index] = sums[index];
    if (overflowIndex < 0 && !Number.isFinite(values[index])) overflowIndex = index;
  }
  return overflowIndex;
}

/** Adds the elements [from, to) of the samples [sample, sampleEnd), in the order of the samples. */
function addSamples(
  sums: Float64Array,
  gradients: Float64Array,
  size: number,
  from: number,
  to: number,
  sample: number,
  sampleEnd: number,
): void {
  for (; sample < sampleEnd; sample++) {
    for (let index = from, source = sample * size + from; index < to; index++, source++) {
      sums[index] = sums[index] + gradients[source];
    }
  }
}
