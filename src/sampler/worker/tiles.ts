/**
 * Cuts the parts of a batch into tiles. A tile is a number of whole draws that fits the L2 cache. So memory is bounded
 * by what is returned, not by what is drawn. Which draws share a tile never changes a bit of any draw.
 *
 * A draw is computed in two steps, and nothing else: `stage` for its span, then `flush` for its tile. forward.ts and
 * backward.ts supply both. `stage` does the work before the graph, and `flush` runs the graph once for the whole tile
 * and does the work after it.
 */
import { type Batch, streamColumns } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { PlannedPart } from './plan.js';

/**
 * Elements of a tile on the CPU. Perturbed logits, the graph's two intermediates and its output stay within 1 MiB of L2
 * cache.
 */
export const tileElementsMax = 2 ** 16;

/** Consecutive draws of one part that are adjacent in a tile. Draw d is of row firstRow + d % rows. */
export interface Span {
  readonly part: PlannedPart;
  readonly draws: number;
  /** Index of its first draw among the draws of the part. */
  readonly partDraw: number;
  /** Index of its first draw among the draws of the tile. */
  readonly tileDraw: number;
  /** Index of its first row among the rows of the batch. */
  readonly firstRow: number;
  readonly rows: number;
}

/**
 * Goes through the parts in order. Calls `stage` for each span, and `flush` with the spans of each tile once the tile
 * is full, and for the last one.
 */
export async function inTiles(
  parts: readonly PlannedPart[],
  categories: number,
  tileElements: number,
  stage: (span: Span) => void,
  flush: (spans: readonly Span[]) => Promise<void>,
): Promise<void> {
  const drawsMax = Math.max(1, Math.floor(tileElements / categories));
  let spans: Span[] = [];
  let tileDraw = 0;
  for (const part of parts) {
    const partDraws = part.rowCount * part.sampleCount;
    for (let partDraw = 0; partDraw < partDraws; ) {
      const draws = spanLength(part, partDraw, drawsMax - tileDraw);
      const firstRow = part.firstRow + (partDraw % part.rowCount);
      const span = { part, draws, partDraw, tileDraw, firstRow, rows: Math.min(draws, part.rowCount) };
      stage(span);
      spans.push(span);
      tileDraw += draws;
      partDraw += draws;
      if (tileDraw < drawsMax) continue;
      await flush(spans);
      spans = [];
      tileDraw = 0;
    }
  }
  if (spans.length > 0) await flush(spans);
}

/**
 * The number of draws of the span that begins at `partDraw`, at most `drawsMax`. The kernel repeats the rows of a span
 * for each sample. So a span that begins inside a sample ends with that sample.
 */
function spanLength({ rowCount, sampleCount }: PlannedPart, partDraw: number, drawsMax: number): number {
  const row = partDraw % rowCount;
  const left = row === 0 ? rowCount * sampleCount - partDraw : rowCount - row;
  return Math.min(left, drawsMax);
}

/** The number of draws of a tile up to the end of the last of its first spans. */
export function endOf(spans: readonly Span[]): number {
  const last = spans.at(-1);
  return last === undefined ? 0 : last.tileDraw + last.draws;
}

/**
 * Writes the noise of a span to kernel.noise, or zeros if its part has no noise.
 *
 * @param stage of the noise contract: 0 for the draws themselves
 */
export function stageNoise(kernel: NoiseKernel, { categories, streams }: Batch, span: Span, stage = 0): void {
  const { part, draws, tileDraw, rows } = span;
  const start = tileDraw * categories;
  if (part.gumbel) {
    stageStreams(kernel, streams, span);
    kernel.fillDraws(start, draws, categories, rows, firstSampleOf(span), stage);
  } else {
    kernel.noise.fill(0, start, start + draws * categories);
  }
}

/** Copies the seeds and numbers of the rows of a span to the kernel. */
export function stageStreams(kernel: NoiseKernel, streams: Uint32Array, { firstRow, rows }: Span): void {
  kernel.streams.set(streams.subarray(firstRow * streamColumns.count, (firstRow + rows) * streamColumns.count));
}

/** The number of the sample that the first draw of a span is of. */
export function firstSampleOf({ part, partDraw }: Span): number {
  return part.firstSample + Math.floor(partDraw / part.rowCount);
}

/** Copies one value of each row of the batch, its temperature or its given index, to all draws of a span in `tile`. */
export function stageRows<Values extends Float32Array | Int32Array>(values: Values, span: Span, tile: Values): void {
  const { draws, tileDraw, firstRow, rows } = span;
  for (let draw = 0; draw < draws; draw++) tile[tileDraw + draw] = values[firstRow + (draw % rows)] as number;
}
