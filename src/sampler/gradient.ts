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

/** Elements summed in one turn of the event loop: a quarter of a millisecond. */
const turnElements = 2 ** 17;

/**
 * Adds in float64, sample after sample, so that the sum does not depend on how the job was split; one rounding to
 * float32, at the end. A draw's own gradient may leave float32 where the sum does not. What is summed in one turn of
 * the event loop has a limit: `nextTurn` waits for the next.
 */
export async function sumGradients(
  job: Job,
  { gradLogits, gradTemperature }: JobResult,
  nextTurn: () => Promise<void>,
): Promise<Gradients> {
  const { rows, categories, samples } = job;
  const logits = sumOver(gradLogits ?? noGradient, rows * categories, samples, nextTurn);
  const ofRows = sumOver(gradTemperature ?? noGradient, gradTemperature ? rows : 0, samples, nextTurn);
  const sums = { logits: await logits, ofRows: await ofRows };
  return {
    logits: sums.logits.values,
    temperature: sums.ofRows.values,
    sharedTemperature: Math.fround(sums.ofRows.values64.reduce((sum, value) => sum + value, 0)),
    logitsOverflowRow: Math.floor(sums.logits.overflowAt / categories),
    temperatureOverflowRow: sums.ofRows.overflowAt,
  };
}

const noGradient = new Float64Array(0);

interface Sums {
  readonly values64: Float64Array;
  readonly values: Float32Array;
  /** The first that leaves float32, or -1. */
  readonly overflowAt: number;
}

/** The sums over `count` runs of `size` values that follow one another. */
async function sumOver(runs: Float64Array, size: number, count: number, nextTurn: () => Promise<void>): Promise<Sums> {
  const values64 = new Float64Array(size);
  const values = new Float32Array(size);
  const runsATurn = Math.max(1, Math.floor(turnElements / size));
  let overflowAt = -1;
  for (let run = 0; run < count; run += runsATurn) {
    for (let from = 0; from < size; from += turnElements) {
      if (run + from > 0) await nextTurn();
      addRuns(values64, runs, size, from, Math.min(from + turnElements, size), run, Math.min(run + runsATurn, count));
    }
  }
  for (let from = 0; from < size; from += turnElements) {
    if (from > 0) await nextTurn();
    const found = round(values64, values, from, Math.min(from + turnElements, size));
    if (overflowAt < 0) overflowAt = found;
  }
  return { values64, values, overflowAt };
}

/** Rounds sums [from, to) to float32; returns the first that leaves it, or -1. */
function round(sums: Float64Array, values: Float32Array, from: number, to: number): number {
  let overflowAt = -1;
  for (let place = from; place < to; place++) {
    values[place] = sums[place] as number;
    if (overflowAt < 0 && !Number.isFinite(values[place])) overflowAt = place;
  }
  return overflowAt;
}

/** Adds places [from, to) of runs [run, runEnd), in the order of the runs. */
function addRuns(
  sums: Float64Array,
  runs: Float64Array,
  size: number,
  from: number,
  to: number,
  run: number,
  runEnd: number,
): void {
  for (; run < runEnd; run++) {
    for (let place = from, at = run * size + from; place < to; place++, at++) {
      sums[place] = (sums[place] as number) + (runs[at] as number);
    }
  }
}
