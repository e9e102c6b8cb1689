/** The backward pass of a draw: the same noise again, and the gradient for each draw's cotangent, in float64. */
import type { Batch, BatchResult, Kind } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { DrawGraphs } from '../onnx/session.js';
import { type Estimator, GradientKernel, runElementsMax } from '../row-kernel/gradient-kernel.js';
import { planBatch } from './plan.js';
import { endOf, inTiles, type Run, stageNoise } from './tiles.js';

export class Backward {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #gradients = new GradientKernel();

  constructor(kernel: NoiseKernel, graphs: DrawGraphs) {
    this.#kernel = kernel;
    this.#graphs = graphs;
  }

  async run(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    this.#gradients.reserve(batch.categories);
    await inTiles(
      parts,
      batch.categories,
      runElementsMax,
      (run) => this.#stage(batch, run),
      (runs) => this.#flush(batch, runs, result),
    );
    return result;
  }

  #stage(batch: Batch, run: Run): void {
    const { kind, categories, logits, temperature, points } = batch;
    const { part, draw, draws, place, row, rows } = run;
    const gradients = this.#gradients;
    const start = place * categories;
    const elements = draws * categories;
    const point = (part.firstDraw + draw) * categories;
    stageNoise(this.#kernel, batch, run);
    gradients.noise.set(this.#kernel.noise.subarray(start, start + elements), start);
    gradients.logits.set(logits.subarray(row * categories, (row + rows) * categories), start);
    gradients.temperature.set(temperature.subarray(row, row + rows), place);
    gradients.cotangents.set(points.subarray(point, point + elements), start);
    gradients.exponents(estimatorOf(kind), place, draws, categories, rows);
  }

  async #flush({ kind, categories }: Batch, runs: readonly Run[], result: BatchResult): Promise<void> {
    const gradients = this.#gradients;
    const estimator = estimatorOf(kind);
    const end = endOf(runs) * categories;
    await this.#graphs.exponentialOnCpu(gradients.scaled.subarray(0, end));
    if (estimator === 'reinmax') await this.#graphs.exponentialOnCpu(gradients.unit.subarray(0, end));
    for (const { part, draw, draws, place, rows } of runs) {
      gradients.gradients(estimator, place, draws, categories, rows);
      const { gradLogits: logitsAt, gradTemperature: temperatureAt } = part.at;
      if (logitsAt !== undefined) {
        const own = gradients.gradLogits.subarray(place * categories, (place + draws) * categories);
        result.gradLogits.set(own, logitsAt + draw * categories);
      }
      if (temperatureAt !== undefined) {
        result.gradTemperature.set(gradients.gradTemperature.subarray(place, place + draws), temperatureAt + draw);
      }
    }
  }
}

function estimatorOf(kind: Kind): Estimator {
  return kind === 'vjp' ? 'vjp' : 'reinmax';
}
