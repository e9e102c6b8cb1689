/** The backward pass of a draw: the same noise again, and the graph of its gradient for each draw's cotangent. */
import type { Batch, BatchResult } from './job.js';
import type { NoiseKernel } from './noise/noise.js';
import type { DrawGraphs } from './onnx/session.js';
import { planBatch } from './plan.js';
import { endOf, inTiles, type Run, stageNoise, stageRows, tileElementsMax } from './tiles.js';

export class Backward {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #temperature = new Float32Array(tileElementsMax);
  /** One row of logits and of cotangents for each draw of a tile; made for the first gradient, since many services never ask. */
  #logits = new Float32Array(0);
  #cotangents = new Float32Array(0);

  constructor(kernel: NoiseKernel, graphs: DrawGraphs) {
    this.#kernel = kernel;
    this.#graphs = graphs;
  }

  async run(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    const elements = Math.max(tileElementsMax, batch.categories);
    if (this.#logits.length < elements) {
      this.#logits = new Float32Array(elements);
      this.#cotangents = new Float32Array(elements);
    }
    await inTiles(
      parts,
      batch.categories,
      tileElementsMax,
      (run) => this.#stage(batch, run),
      (runs) => this.#flush(batch, runs, result),
    );
    return result;
  }

  #stage(batch: Batch, run: Run): void {
    const { categories } = batch;
    const { part, draw, draws, place, row, rows } = run;
    stageNoise(this.#kernel, batch, run);
    stageRows(batch.temperature, run, this.#temperature);
    for (let at = 0; at < draws; at++) {
      const own = row + (at % rows);
      this.#logits.set(batch.logits.subarray(own * categories, (own + 1) * categories), (place + at) * categories);
    }
    const from = (part.firstDraw + draw) * categories;
    this.#cotangents.set(batch.points.subarray(from, from + draws * categories), place * categories);
  }

  async #flush({ kind, categories }: Batch, runs: readonly Run[], result: BatchResult): Promise<void> {
    const graph = kind === 'vjp' ? this.#graphs.vjp : this.#graphs.reinmax;
    const { noise } = this.#kernel;
    const gradients: { gradLogits: Float32Array; gradTemperature?: Float32Array } = await graph(
      endOf(runs),
      categories,
      this.#logits,
      noise,
      this.#temperature,
      this.#cotangents,
    );
    for (const { part, draw, draws, place } of runs) {
      const { gradLogits: logitsAt, gradTemperature: temperatureAt } = part.at;
      if (logitsAt !== undefined) {
        const own = gradients.gradLogits.subarray(place * categories, (place + draws) * categories);
        result.gradLogits.set(own, logitsAt + draw * categories);
      }
      if (temperatureAt !== undefined && gradients.gradTemperature) {
        result.gradTemperature.set(gradients.gradTemperature.subarray(place, place + draws), temperatureAt + draw);
      }
    }
  }
}
