/**
 * The backward pass: replays the noise of each draw, and computes the gradient for its cotangent in float64. #stage and
 * #flush are the whole computation; tiles.ts calls them.
 *
 *     #stage, for each span   noise g; z = (l - max l) + g in place of g; exponents
 *     #flush, for each tile   exponentials by the graph, on the CPU; gradients
 */
import type { Batch, BatchResult, Kind } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { DrawGraphs } from '../onnx/session.js';
import { type Estimator, GradientKernel, runElementsMax } from '../row-kernel/gradient-kernel.js';
import { planBatch } from './plan.js';
import { endOf, inTiles, type Span, stageNoise } from './tiles.js';

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
      (span) => this.#stage(batch, span),
      (spans) => this.#flush(batch, spans, result),
    );
    return result;
  }

  #stage(batch: Batch, span: Span): void {
    const { kind, categories, logits, temperature, points } = batch;
    const { part, draws, partDraw, tileDraw, firstRow, rows } = span;
    const gradients = this.#gradients;
    const rowEnd = firstRow + rows;
    const start = tileDraw * categories;
    const elements = draws * categories;
    const pointOffset = (part.firstDraw + partDraw) * categories;
    stageNoise(this.#kernel, batch, span);
    gradients.noise.set(this.#kernel.noise.subarray(start, start + elements), start);
    gradients.logits.set(logits.subarray(firstRow * categories, rowEnd * categories), start);
    gradients.temperature.set(temperature.subarray(firstRow, rowEnd), tileDraw);
    gradients.cotangents.set(points.subarray(pointOffset, pointOffset + elements), start);
    // Overwrites gradients.noise of the span by z, its perturbed logits.
    gradients.exponents(estimatorOf(kind), tileDraw, draws, categories, rows);
  }

  async #flush({ kind, categories }: Batch, spans: readonly Span[], result: BatchResult): Promise<void> {
    const gradients = this.#gradients;
    const estimator = estimatorOf(kind);
    const end = endOf(spans) * categories;
    await this.#graphs.exponentialOnCpu(gradients.scaled.subarray(0, end));
    if (estimator === 'reinmax') await this.#graphs.exponentialOnCpu(gradients.unit.subarray(0, end));
    for (const { part, draws, partDraw, tileDraw, rows } of spans) {
      gradients.gradients(estimator, tileDraw, draws, categories, rows);
      const tileEnd = tileDraw + draws;
      const { gradLogits: logitsOffset, gradTemperature: temperatureOffset } = part.offsets;
      if (logitsOffset !== undefined) {
        const gradLogits = gradients.gradLogits.subarray(tileDraw * categories, tileEnd * categories);
        result.gradLogits.set(gradLogits, logitsOffset + partDraw * categories);
      }
      if (temperatureOffset !== undefined) {
        result.gradTemperature.set(gradients.gradTemperature.subarray(tileDraw, tileEnd), temperatureOffset + partDraw);
      }
    }
  }
}

function estimatorOf(kind: Kind): Estimator {
  return kind === 'vjp' ? 'vjp' : 'reinmax';
}
