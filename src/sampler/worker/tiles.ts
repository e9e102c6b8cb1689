/**
 * Cuts the parts of a batch into tiles: a tile is a number of whole draws that fits the L2 cache, so that memory is
 * bounded by what is returned and not by what is drawn. What is done with a tile is left to the caller; which draws
 * share one never changes a bit of any of them.
 */
import { type Batch, streamColumns } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { PlannedPart } from './plan.js';

/**
 * Elements of a tile on the CPU: perturbed logits, the graph's two intermediates and its output stay within 1 MiB of L2
 * cache.
 */
export const tileElementsMax = 2 ** 16;

/** Consecutive draws of one part that lie side by side in a tile. */
export interface Run {
  readonly part: PlannedPart;
  /** First of its draws, counted within the part. */
  readonly draw: number;
  readonly draws: number;
  /** Its first place in the tile. */
  readonly place: number;
  /** Its first row among the rows of the batch; its draws go through `rows` rows in turn. */
  readonly row: number;
  readonly rows: number;
}

/**
 * Goes through the parts in order: `stage` puts a run in its place, `flush` takes a tile that is full, or the last one.
 */
export async function inTiles(
  parts: readonly PlannedPart[],
  categories: number,
  tileElements: number,
  stage: (run: Run) => void,
  flush: (runs: readonly Run[]) => Promise<void>,
): Promise<void> {
  const drawsMax = Math.max(1, Math.floor(tileElements / categories));
  let runs: Run[] = [];
  let place = 0;
  for (const part of parts) {
    const partDraws = part.rowCount * part.sampleCount;
    for (let draw = 0; draw < partDraws; ) {
      const draws = runLength(part, draw, drawsMax - place);
      const row = part.firstRow + (draw % part.rowCount);
      const run = { part, draw, draws, place, row, rows: Math.min(draws, part.rowCount) };
      stage(run);
      runs.push(run);
      place += draws;
      draw += draws;
      if (place < drawsMax) continue;
      await flush(runs);
      runs = [];
      place = 0;
    }
  }
  if (runs.length > 0) await flush(runs);
}

/**
 * How many draws from `draw` on form one run of at most `most`: the kernel repeats the rows of a run sample by sample,
 * so a run that begins inside a sample ends with it.
 */
function runLength({ rowCount, sampleCount }: PlannedPart, draw: number, most: number): number {
  const row = draw % rowCount;
  const left = row === 0 ? rowCount * sampleCount - draw : rowCount - row;
  return Math.min(left, most);
}

/** The places that runs from the start of a tile take up. */
export function endOf(runs: readonly Run[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.place + last.draws;
}

/** Writes the noise of a run to its places in the kernel's tile: zeros where the part draws without. */
export function stageNoise(kernel: NoiseKernel, { categories, streams }: Batch, run: Run): void {
  const { part, draw, draws, place, row, rows } = run;
  const start = place * categories;
  if (part.gumbel) {
    kernel.streams.set(streams.subarray(row * streamColumns.count, (row + rows) * streamColumns.count));
    kernel.fillDraws(start, draws, categories, rows, part.firstSample + Math.floor(draw / part.rowCount));
  } else {
    kernel.noise.fill(0, start, start + draws * categories);
  }
}

/** Writes one value of each row of the batch, such as its temperature, to each of a run's places. */
export function stageRows(values: Float32Array, { draws, place, row, rows }: Run, tile: Float32Array): void {
  for (let at = 0; at < draws; at++) tile[place + at] = values[row + (at % rows)] as number;
}
