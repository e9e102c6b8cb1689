/** The log-density of given points: no noise, no graph, float64 row by row. */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { RowKernel } from '../row-kernel/row-kernel.js';
import { planBatch } from './plan.js';

export class Density {
  readonly #kernel = new RowKernel();

  /** Points are samples, or with kind densityOfLogSamples their logarithms. */
  run(batch: Batch): BatchResult {
    const { categories, kind, logits, points, temperature } = batch;
    const { parts, result } = planBatch(batch);
    const kernel = this.#kernel;
    kernel.reserve(categories, false);
    for (const { firstRow, rowCount, sampleCount, firstDraw, at } of parts) {
      inBlocks(rowCount * sampleCount, rowCount, categories, (first, count, blockRow, blockRows) => {
        const row = firstRow + blockRow;
        const start = (firstDraw + first) * categories;
        kernel.logits.set(logits.subarray(row * categories, (row + blockRows) * categories));
        kernel.temperature.set(temperature.subarray(row, row + blockRows));
        kernel.noise.set(points.subarray(start, start + count * categories));
        kernel.logProbOfPoints(count, categories, blockRows, kind === 'densityOfLogSamples');
        result.logProb.set(kernel.logProb.subarray(0, count), (at.logProb as number) + first);
      });
    }
    return result;
  }
}
