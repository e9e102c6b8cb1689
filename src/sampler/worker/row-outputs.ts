/** The outputs that the row kernel computes from the noise, in float64: log-samples, log-density and top-k. */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { RowKernel } from '../row-kernel/row-kernel.js';
import type { PlannedPart } from './plan.js';
import type { Span } from './tiles.js';

export class RowOutputs {
  readonly #kernel = new RowKernel();

  /**
   * Writes the row outputs of a span to the result, from its noise in the tile.
   *
   * The log-density is that of the log-samples rounded to float32, as the client gets them. So POST /log-prob gives the
   * same bits for them.
   */
  write({ categories, logits, temperature }: Batch, span: Span, tile: Float32Array, result: BatchResult): void {
    const { part, draws, tileDraw, firstRow, rows } = span;
    const { logSamples, logProb } = part.offsets;
    const sorts = wantsTop(part);
    if (logSamples === undefined && logProb === undefined && !sorts) return;
    const kernel = this.#kernel;
    kernel.reserve(categories, sorts);
    inBlocks(draws, rows, categories, (first, count, blockRow, blockRows) => {
      const row = firstRow + blockRow;
      const start = (tileDraw + first) * categories;
      kernel.logits.set(logits.subarray(row * categories, (row + blockRows) * categories));
      kernel.temperature.set(temperature.subarray(row, row + blockRows));
      kernel.noise.set(tile.subarray(start, start + count * categories));
      this.#writeBlock(categories, span, first, count, blockRows, result);
    });
  }

  #writeBlock(
    categories: number,
    { part, partDraw }: Span,
    first: number,
    count: number,
    rows: number,
    result: BatchResult,
  ) {
    const kernel = this.#kernel;
    const { logSamples, logProb } = part.offsets;
    const draw = partDraw + first;
    if (wantsTop(part)) this.#writeTop(categories, part, draw, count, rows, result);
    if (logSamples === undefined && logProb === undefined) return;
    kernel.drawLogs(count, categories, rows, logProb !== undefined);
    if (logSamples !== undefined) {
      result.logSamples.set(kernel.logSamples.subarray(0, count * categories), logSamples + draw * categories);
    }
    if (logProb !== undefined) result.logProb.set(kernel.logProb.subarray(0, count), logProb + draw);
  }

  /** Writes the outputs of the top k of the draws from `draw` on. */
  #writeTop(categories: number, part: PlannedPart, draw: number, count: number, rows: number, result: BatchResult) {
    const kernel = this.#kernel;
    const { topK, offsets } = part;
    const { topIndices, topScores, topThreshold, topLogProb } = offsets;
    kernel.drawTop(count, categories, rows, topK, {
      scores: topScores !== undefined,
      threshold: topThreshold !== undefined,
      logProb: topLogProb !== undefined,
    });
    const places = count * topK;
    if (topIndices !== undefined)
      result.topIndices.set(kernel.topIndices.subarray(0, places), topIndices + draw * topK);
    if (topScores !== undefined) result.topScores.set(kernel.topScores.subarray(0, places), topScores + draw * topK);
    if (topThreshold !== undefined)
      result.topThreshold.set(kernel.topThreshold.subarray(0, count), topThreshold + draw);
    if (topLogProb !== undefined) result.topLogProb.set(kernel.topLogProb.subarray(0, count), topLogProb + draw);
  }
}

/** Whether a part has an output of the top k. */
function wantsTop({ offsets: { topIndices, topScores, topThreshold, topLogProb } }: PlannedPart): boolean {
  return (topIndices ?? topScores ?? topThreshold ?? topLogProb) !== undefined;
}
