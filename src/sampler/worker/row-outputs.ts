/** The outputs of a draw that the row kernel computes, in float64: log-samples, log-density and top-k. */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { RowKernel } from '../row-kernel/row-kernel.js';
import type { Run } from './tiles.js';

export class RowOutputs {
  readonly #kernel = new RowKernel();

  /**
   * Writes those of a run that were asked for, from its noise in the tile.
   *
   * The log-density is taken at the log-samples as they are returned, in float32: it is the density of the point the
   * caller gets, and POST /log-prob gives the very same number for it.
   */
  write({ categories, logits, temperature }: Batch, run: Run, tile: Float32Array, result: BatchResult): void {
    const { part, draws, place, row, rows } = run;
    const { logSamples, logProb, topIndices } = part.at;
    if (logSamples === undefined && logProb === undefined && topIndices === undefined) return;
    const kernel = this.#kernel;
    kernel.reserve(categories, topIndices !== undefined);
    inBlocks(draws, rows, categories, (first, count, blockRow, blockRows) => {
      const firstRow = row + blockRow;
      const start = (place + first) * categories;
      kernel.logits.set(logits.subarray(firstRow * categories, (firstRow + blockRows) * categories));
      kernel.temperature.set(temperature.subarray(firstRow, firstRow + blockRows));
      kernel.noise.set(tile.subarray(start, start + count * categories));
      this.#writeBlock(categories, run, first, count, blockRows, result);
    });
  }

  #writeBlock(
    categories: number,
    { part, draw }: Run,
    first: number,
    count: number,
    rows: number,
    result: BatchResult,
  ) {
    const kernel = this.#kernel;
    const { logSamples, logProb, topIndices } = part.at;
    const own = draw + first;
    if (topIndices !== undefined) {
      kernel.drawTopIndices(count, categories, rows, part.topK);
      result.topIndices.set(kernel.topIndices.subarray(0, count * part.topK), topIndices + own * part.topK);
    }
    if (logSamples === undefined && logProb === undefined) return;
    kernel.drawLogs(count, categories, rows, logProb !== undefined);
    if (logSamples !== undefined) {
      result.logSamples.set(kernel.logSamples.subarray(0, count * categories), logSamples + own * categories);
    }
    if (logProb !== undefined) result.logProb.set(kernel.logProb.subarray(0, count), logProb + own);
  }
}
