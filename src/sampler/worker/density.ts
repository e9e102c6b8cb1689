/** The log-density of given points, in float64. Uses neither noise nor graph. */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { RowKernel } from '../row-kernel/row-kernel.js';
import { planBatch } from './plan.js';

export class Density {
  readonly #kernel = new RowKernel();

  /** The points are samples, or for kind densityOfLogSamples the logarithms of samples. */
  run(batch: Batch): BatchResult {
    const { categories, kind, logits, points, temperature } = batch;
    const { parts, result } = planBatch(batch);
    const kernel = this.#kernel;
    kernel.reserve(categories, false);
    for (const { firstRow, rowCount, sampleCount, firstDraw, offsets } of parts) {
      inBlocks(rowCount * sampleCount, rowCount, categories, (first, count, blockRow, blockRows) => {
        const row = firstRow + blockRow;
        const start = (firstDraw + first) * categories;
        kernel.logits.set(logits.subarray(row * categories, (row + blockRows) * categories));
        kernel.temperature.set(temperature.subarray(row, row + blockRows));
        kernel.points.set(points.subarray(start, start + count * categories));
        kernel.logProbOfPoints(count, categories, blockRows, kind === 'densityOfLogSamples');
        result.logProb.set(kernel.logProb.subarray(0, count), (offsets.logProb as number) + first);
      });
    }
    return result;
  }
}
