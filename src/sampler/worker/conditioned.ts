/** The draws of given indices: their perturbed logits, and the outputs that are computed from these in float64. */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { RowKernel } from '../row-kernel/row-kernel.js';
import type { Span } from './tiles.js';

export class Conditioned {
  readonly #kernel = new RowKernel();

  /**
   * Turns the noise of a span in the tile into conditioned perturbed logits, in place. Writes the conditioned noise and
   * the log-samples to the result where its part names them.
   */
  write({ categories, given, logits, temperature }: Batch, span: Span, tile: Float32Array, result: BatchResult): void {
    const { part, draws, partDraw, tileDraw, firstRow, rows } = span;
    const { noise: noiseOffset, logSamples: logOffset } = part.offsets;
    const kernel = this.#kernel;
    kernel.reserve(categories, false);
    inBlocks(draws, rows, categories, (first, count, blockRow, blockRows) => {
      const row = firstRow + blockRow;
      const start = (tileDraw + first) * categories;
      const elements = count * categories;
      const offset = (partDraw + first) * categories;
      kernel.logits.set(logits.subarray(row * categories, (row + blockRows) * categories));
      kernel.given.set(given.subarray(row, row + blockRows));
      kernel.noise.set(tile.subarray(start, start + elements));
      kernel.condition(count, categories, blockRows);
      tile.set(kernel.conditioned.subarray(0, elements), start);
      if (noiseOffset !== undefined) {
        result.noise.set(kernel.conditionedNoise.subarray(0, elements), noiseOffset + offset);
      }
      if (logOffset === undefined) return;
      kernel.temperature.set(temperature.subarray(row, row + blockRows));
      kernel.logSamplesOfZ(count, categories, blockRows);
      result.logSamples.set(kernel.logSamples.subarray(0, elements), logOffset + offset);
    });
  }
}
