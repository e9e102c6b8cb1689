/**
 * The log-probability of indices that a request names: one category, or several drawn in order. Uses neither noise nor
 * graph.
 */
import type { Batch, BatchResult } from '../job.js';
import { inBlocks } from '../row-kernel/blocks.js';
import { LogProbKernel } from '../row-kernel/log-prob-kernel.js';
import { IndexLogProb } from './index-log-prob.js';
import { type PlannedPart, planBatch } from './plan.js';

export class LogProbOfIndices {
  readonly #kernel = new LogProbKernel();
  readonly #indexLogProb = new IndexLogProb(this.#kernel);

  run(batch: Batch): BatchResult {
    const { parts, result } = planBatch(batch);
    let pointOffset = 0;
    for (const part of parts) {
      const draws = part.rowCount * part.sampleCount;
      const points = batch.points.subarray(pointOffset, pointOffset + draws * part.topK);
      const start = part.offsets.logProb as number;
      const logProb = result.logProb.subarray(start, start + draws);
      if (batch.kind === 'logProbOfIndices') {
        const { firstRow, rowCount } = part;
        const logits = batch.logits.subarray(firstRow * batch.categories, (firstRow + rowCount) * batch.categories);
        this.#indexLogProb.write(logits, rowCount, points, logProb);
      } else {
        this.#writeOrders(batch, part, points, logProb);
      }
      pointOffset += points.length;
    }
    return result;
  }

  #writeOrders({ categories, logits }: Batch, part: PlannedPart, orders: Float32Array, to: Float64Array): void {
    const { firstRow, rowCount, sampleCount, topK } = part;
    const kernel = this.#kernel;
    kernel.reserve(categories);
    inBlocks(rowCount * sampleCount, rowCount, categories, (first, count, blockRow, blockRows) => {
      const row = firstRow + blockRow;
      kernel.logits.set(logits.subarray(row * categories, (row + blockRows) * categories));
      kernel.orders.set(orders.subarray(first * topK, (first + count) * topK));
      kernel.orderLogProbs(count, categories, blockRows, topK);
      to.set(kernel.logProb.subarray(0, count), first);
    });
  }
}
