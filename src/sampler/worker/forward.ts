/**
 * Draws samples: noise, perturbed logits, indices and the sums of soft samples from the kernel, their exponentials from
 * the graph.
 */
import type { Batch, BatchResult } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { DrawGraphs } from '../onnx/session.js';
import { planBatch, stages } from './plan.js';
import { RowOutputs } from './row-outputs.js';
import { endOf, inTiles, type Run, stageNoise, stageRows } from './tiles.js';

export class Forward {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #tileElements: number;
  readonly #rowOutputs = new RowOutputs();

  /** `tileElements` is how many elements the graph takes in one run, but for a single draw of more. */
  constructor(kernel: NoiseKernel, graphs: DrawGraphs, tileElements: number) {
    this.#kernel = kernel;
    this.#graphs = graphs;
    this.#tileElements = tileElements;
  }

  async run(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    const ordered = stages.flatMap((stage) => parts.filter((part) => part.stage === stage));
    await inTiles(
      ordered,
      batch.categories,
      this.#tileElements,
      (run) => this.#stage(batch, run, result),
      (runs) => this.#flush(batch.categories, runs, result),
    );
    return result;
  }

  /** Writes the perturbed logits of a run to the tile, and to the result what is known before the graph runs. */
  #stage(batch: Batch, run: Run, result: BatchResult): void {
    const { categories } = batch;
    const { part, draw, draws, place, row, rows } = run;
    const kernel = this.#kernel;
    const start = place * categories;
    stageNoise(kernel, batch, run);
    if (part.at.noise !== undefined) {
      result.noise.set(kernel.noise.subarray(start, start + draws * categories), part.at.noise + draw * categories);
    }
    this.#rowOutputs.write(batch, run, kernel.noise, result);
    if (part.stage === 'noise') return;
    kernel.logits.set(batch.logits.subarray(row * categories, (row + rows) * categories));
    kernel.perturb(start, draws, categories, rows);
    stageRows(batch.temperature, run, kernel.temperatures);
  }

  /**
   * Takes the argmax of every draw, runs the graph for those that are soft, and copies what was asked for to the
   * result.
   */
  async #flush(categories: number, runs: readonly Run[], result: BatchResult): Promise<void> {
    const kernel = this.#kernel;
    const index = runs.filter(({ part }) => part.stage !== 'noise');
    const soft = runs.filter(({ part }) => part.stage === 'soft');
    if (index.length > 0) kernel.argmax(0, endOf(index), categories);
    for (const run of index) copyIndices(run, categories, result, kernel.indices);
    if (soft.length === 0) return;
    const draws = endOf(soft);
    kernel.exponents(draws, categories);
    await this.#graphs.exponential(kernel.samples.subarray(0, draws * categories));
    kernel.normalize(draws, categories);
    for (const run of soft) {
      const start = run.place * categories;
      samplesOf(run, categories, result).set(kernel.samples.subarray(start, start + run.draws * categories));
    }
  }
}

/** Copies the category of each draw of a run, and for a hard one sets the 1 of its sample. */
function copyIndices(run: Run, categories: number, result: BatchResult, indices: Int32Array): void {
  const { part, draw, draws, place } = run;
  const { indices: indicesAt, samples: samplesAt } = part.at;
  if (indicesAt !== undefined) result.indices.set(indices.subarray(place, place + draws), indicesAt + draw);
  if (samplesAt === undefined || !part.hard) return;
  for (let at = 0; at < draws; at++) {
    result.samples[samplesAt + (draw + at) * categories + (indices[place + at] as number)] = 1;
  }
}

/** Where the samples of a run go in the result. */
function samplesOf({ part, draw, draws }: Run, categories: number, result: BatchResult): Float32Array {
  const start = (part.at.samples as number) + draw * categories;
  return result.samples.subarray(start, start + draws * categories);
}
