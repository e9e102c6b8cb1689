/**
 * The forward pass. #stage and #flush are the whole computation of a draw; tiles.ts calls them.
 *
 *     #stage, for each span   noise g; outputs that need no more than g; then z = (l - max l) + g in place of g,
 *                             or for given indices the conditioned z (conditioned.ts); or the index at once, without
 *                             most of g
 *     #flush, for each tile   index = argmax z; exponents x = (z - max z) / tau; e^x by the graph; soft = e^x / sum
 *
 * The noise kernel (noise/noise.ts) computes all but e^x, and row-outputs.ts the outputs of a row in float64.
 */
import type { Batch, BatchResult } from '../job.js';
import type { NoiseKernel } from '../noise/noise.js';
import type { DrawGraphs } from '../onnx/session.js';
import { Conditioned } from './conditioned.js';
import { IndexLogProb } from './index-log-prob.js';
import { planBatch, stages } from './plan.js';
import { RowOutputs } from './row-outputs.js';
import { endOf, firstSampleOf, inTiles, type Span, stageNoise, stageRows, stageStreams } from './tiles.js';

export class Forward {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #tileElements: number;
  readonly #rowOutputs = new RowOutputs();
  readonly #indexLogProb = new IndexLogProb();
  readonly #conditioned = new Conditioned();

  /** @param tileElements most elements of a run of the graph, unless it is a single draw of more */
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
      (span) => this.#stage(batch, span, result),
      (spans) => this.#flush(batch, spans, result),
    );
    return result;
  }

  /** Writes the perturbed logits of a span to the tile, and to the result the outputs that the noise suffices for. */
  #stage(batch: Batch, span: Span, result: BatchResult): void {
    const { categories } = batch;
    const { part, draws, partDraw, tileDraw, rows } = span;
    const { noise: noiseOffset } = part.offsets;
    const kernel = this.#kernel;
    const start = tileDraw * categories;
    if (part.stage === 'search') {
      stageStreams(kernel, batch.streams, span);
      this.#stageLogits(batch, span);
      kernel.searchIndices(tileDraw, draws, categories, rows, firstSampleOf(span));
      return;
    }
    stageNoise(kernel, batch, span);
    if (batch.kind === 'conditioned') {
      this.#conditioned.write(batch, span, kernel.noise, result);
      stageRows(batch.temperature, span, kernel.temperatures);
      return;
    }
    if (noiseOffset !== undefined) {
      const noise = kernel.noise.subarray(start, start + draws * categories);
      result.noise.set(noise, noiseOffset + partDraw * categories);
    }
    this.#rowOutputs.write(batch, span, kernel.noise, result);
    if (part.stage === 'noise') return;
    this.#stageLogits(batch, span);
    // Overwrites the noise of the span: from here on its memory is kernel.perturbed.
    kernel.perturb(start, draws, categories, rows);
    stageRows(batch.temperature, span, kernel.temperatures);
  }

  #stageLogits({ categories, logits }: Batch, { firstRow, rows }: Span): void {
    this.#kernel.logits.set(logits.subarray(firstRow * categories, (firstRow + rows) * categories));
  }

  /**
   * Writes indices and samples of a tile to the result. Reads kernel.perturbed. Runs the graph only for soft samples.
   * The spans are sorted by stage (plan.ts), so in the tile the soft ones come first, then those whose index is to be
   * found, then those whose index is known, and those without index last.
   */
  async #flush(batch: Batch, spans: readonly Span[], result: BatchResult): Promise<void> {
    const { categories, given, kind, logits } = batch;
    const kernel = this.#kernel;
    const index = spans.filter(({ part }) => part.stage !== 'noise');
    const perturbed = index.filter(({ part }) => part.stage !== 'search');
    const soft = perturbed.filter(({ part }) => part.stage === 'soft');
    if (perturbed.length > 0 && kind !== 'conditioned') kernel.argmax(0, endOf(perturbed), categories);
    // A given index is set and not searched: in float32 another z may be as large as its own.
    if (kind === 'conditioned') for (const span of index) stageRows(given, span, kernel.indices);
    for (const span of index) {
      copyIndices(span, categories, result, kernel.indices);
      this.#writeIndexLogProb(span, categories, logits, result);
    }
    if (soft.length === 0) return;
    const draws = endOf(soft);
    kernel.exponents(draws, categories);
    await this.#graphs.exponential(kernel.samples.subarray(0, draws * categories));
    kernel.normalize(draws, categories);
    for (const span of soft) {
      const start = span.tileDraw * categories;
      samplesOf(span, categories, result).set(kernel.samples.subarray(start, start + span.draws * categories));
    }
  }

  /** Writes the log-probability of the index of each draw of a span. Reads kernel.indices. */
  #writeIndexLogProb(span: Span, categories: number, logits: Float32Array, result: BatchResult): void {
    const { part, draws, partDraw, tileDraw, firstRow, rows } = span;
    const offset = part.offsets.indexLogProb;
    if (offset === undefined) return;
    const indices = this.#kernel.indices.subarray(tileDraw, tileDraw + draws);
    const to = result.indexLogProb.subarray(offset + partDraw, offset + partDraw + draws);
    this.#indexLogProb.write(logits.subarray(firstRow * categories, (firstRow + rows) * categories), rows, indices, to);
  }
}

/** Copies the indices of a span to the result. For hard samples, sets the 1 of each one-hot vector. */
function copyIndices(span: Span, categories: number, result: BatchResult, indices: Int32Array): void {
  const { part, draws, partDraw, tileDraw } = span;
  const { indices: indicesOffset, samples: samplesOffset } = part.offsets;
  if (indicesOffset !== undefined) {
    result.indices.set(indices.subarray(tileDraw, tileDraw + draws), indicesOffset + partDraw);
  }
  if (samplesOffset === undefined || !part.hard) return;
  for (let draw = 0; draw < draws; draw++) {
    result.samples[samplesOffset + (partDraw + draw) * categories + indices[tileDraw + draw]] = 1;
  }
}

/** The samples of a span in the result, as a view. */
function samplesOf({ part, draws, partDraw }: Span, categories: number, result: BatchResult): Float32Array {
  const start = (part.offsets.samples as number) + partDraw * categories;
  return result.samples.subarray(start, start + draws * categories);
}
