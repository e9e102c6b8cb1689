/** The log-density of given points: no noise, no graph, float64 row by row. */
import type { Batch, BatchResult } from './job.js';
import { logDensity } from './log-density.js';
import { planBatch } from './plan.js';

/** Points are samples, or with kind densityOfLogSamples their logarithms. */
export function density(batch: Batch): BatchResult {
  const { categories, kind, logits, points, temperature } = batch;
  const { parts, result } = planBatch(batch);
  const logY = new Float64Array(categories);
  for (const { firstRow, rowCount, sampleCount, firstDraw, at } of parts) {
    for (let draw = 0; draw < rowCount * sampleCount; draw++) {
      const row = firstRow + (draw % rowCount);
      const point = (firstDraw + draw) * categories;
      for (let k = 0; k < categories; k++) {
        const value = points[point + k] as number;
        logY[k] = kind === 'densityOfSamples' ? Math.log(value) : value;
      }
      const ownLogits = logits.subarray(row * categories, (row + 1) * categories);
      result.logProb[(at.logProb as number) + draw] = logDensity(ownLogits, temperature[row] as number, logY);
    }
  }
  return result;
}
