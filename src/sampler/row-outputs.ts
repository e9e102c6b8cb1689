/** The outputs of a draw that are worked out one row at a time, in float64: log-samples, log-density and top-k. */
import type { Batch, BatchResult } from './job.js';
import { logDensity, logSamples, perturb } from './log-density.js';
import type { Run } from './tiles.js';
import { topK } from './top-k.js';

export class RowOutputs {
  #z = new Float32Array(0);
  #logY = new Float64Array(0);

  /**
   * Writes those of a run that were asked for, from its noise in the tile.
   *
   * The log-density is taken at the log-samples as they are returned, in float32: it is the density of the point the caller
   * gets, and POST /log-prob gives the very same number for it.
   */
  write({ categories, logits, temperature }: Batch, run: Run, tile: Float32Array, result: BatchResult): void {
    const { part, draw, draws, place, row, rows } = run;
    const { logSamples: logSamplesAt, logProb: logProbAt, topIndices: topIndicesAt } = part.at;
    if (logSamplesAt === undefined && logProbAt === undefined && topIndicesAt === undefined) return;
    if (this.#z.length !== categories) {
      this.#z = new Float32Array(categories);
      this.#logY = new Float64Array(categories);
    }
    for (let at = 0; at < draws; at++) {
      const own = row + (at % rows);
      const ownLogits = logits.subarray(own * categories, (own + 1) * categories);
      perturb(ownLogits, tile.subarray((place + at) * categories, (place + at + 1) * categories), this.#z);
      if (topIndicesAt !== undefined) {
        const to = topIndicesAt + (draw + at) * part.topK;
        topK(this.#z, part.topK, result.topIndices.subarray(to, to + part.topK));
      }
      if (logSamplesAt === undefined && logProbAt === undefined) continue;
      const ownTemperature = temperature[own] as number;
      logSamples(this.#z, ownTemperature, this.#logY);
      // The sum with 0 turns the -0 of a logarithm that underflows float32 into 0.
      for (let k = 0; k < categories; k++) this.#logY[k] = Math.fround(this.#logY[k] as number) + 0;
      if (logSamplesAt !== undefined) result.logSamples.set(this.#logY, logSamplesAt + (draw + at) * categories);
      if (logProbAt === undefined) continue;
      result.logProb[logProbAt + draw + at] = logDensity(ownLogits, ownTemperature, this.#logY);
    }
  }
}
