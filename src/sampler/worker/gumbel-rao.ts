/**
 * The backward pass by Gumbel-Rao. A draw has all its inner draws here, in the order of their numbers, so its bits
 * depend on nothing else in the batch. Inner draw m = 1, 2, ... has the noise of the draw's stream and sample at stage
 * 2m.
 */
import type { Batch, BatchResult } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import { RaoKernel, raoElementsMax } from '../row-kernel/rao-kernel.js';
import { planBatch } from './plan.js';
import { inTiles, type Span, stageNoise } from './tiles.js';

export class GumbelRao {
  readonly #kernel: NoiseKernel;
  readonly #rao = new RaoKernel();

  constructor(kernel: NoiseKernel) {
    this.#kernel = kernel;
  }

  async run(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    this.#rao.reserve(batch.categories);
    const draw = (span: Span) => this.#draw(batch, { ...span, tileDraw: 0 }, result);
    await inTiles(parts, batch.categories, raoElementsMax, draw, async () => {});
    return result;
  }

  /** The gradients of a span, from the first element of the tile on. */
  #draw(batch: Batch, span: Span, result: BatchResult): void {
    const { categories, logits, points, temperature } = batch;
    const { part, draws, partDraw, firstRow, rows } = span;
    const rao = this.#rao;
    const elements = draws * categories;
    const rowEnd = firstRow + rows;
    const pointOffset = (part.firstDraw + partDraw) * categories;
    rao.logits.set(logits.subarray(firstRow * categories, rowEnd * categories));
    rao.temperature.set(temperature.subarray(firstRow, rowEnd));
    rao.cotangents.set(points.subarray(pointOffset, pointOffset + elements));
    rao.indices.set(this.#indices(batch, span));
    rao.begin(draws, categories, rows);
    for (let inner = 1; inner <= part.raoSamples; inner++) {
      stageNoise(this.#kernel, batch, span, 2 * inner);
      rao.noise.set(this.#kernel.noise.subarray(0, elements));
      rao.add(draws, categories, rows);
    }
    rao.finish(draws, categories, rows, part.raoSamples);
    const { gradLogits: offset } = part.offsets;
    if (offset === undefined) return;
    result.gradLogits.set(rao.gradLogits.subarray(0, elements), offset + partDraw * categories);
  }

  /** The indices of the hard draws, by the noise of stage 0. */
  #indices(batch: Batch, span: Span): Int32Array {
    const { categories, logits } = batch;
    const { draws, firstRow, rows } = span;
    const kernel = this.#kernel;
    stageNoise(kernel, batch, span);
    kernel.logits.set(logits.subarray(firstRow * categories, (firstRow + rows) * categories));
    kernel.perturb(0, draws, categories, rows);
    kernel.argmax(0, draws, categories);
    return kernel.indices.subarray(0, draws);
  }
}
