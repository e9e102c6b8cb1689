/**
 * Draws a batch on this thread, tile by tile: noise, perturbed logits and indices from the kernel, soft samples from the graph.
 * A tile is a number of whole draws that fits the L2 cache, in buffers that are reused, so memory is bounded by what
 * is returned and not by what is drawn. Which draws share a tile never changes a bit of any of them.
 */
import { type Batch, type BatchResult, streamColumns } from './job.js';
import { createNoiseKernel, type NoiseKernel } from './noise/noise.js';
import { type DrawGraphs, openDrawGraphs } from './onnx/session.js';
import { needs, type PlannedPart, planBatch } from './plan.js';

/** Elements of a tile: perturbed logits, the graph's two intermediates and its output stay within 1 MiB of L2 cache. */
export const tileElementsMax = 2 ** 16;

export interface DrawerOptions {
  readonly provider: 'cpu';
  /** Largest K of a batch; a tile holds at least one such row. */
  readonly categoriesMax: number;
}

export async function openDrawer({ provider, categoriesMax }: DrawerOptions): Promise<Drawer> {
  const elementsMax = Math.max(tileElementsMax, categoriesMax);
  return new Drawer(createNoiseKernel(elementsMax, tileElementsMax), await openDrawGraphs(provider));
}

/** Consecutive draws of one part that lie side by side in a tile. */
interface Run {
  readonly part: PlannedPart;
  /** First of its draws, counted within the part. */
  readonly draw: number;
  readonly draws: number;
  /** Its first place in the tile. */
  readonly place: number;
}

/** The draws staged for the next run of the graph. */
interface Tile {
  readonly drawsMax: number;
  readonly runs: Run[];
  draws: number;
}

export class Drawer {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #temperature = new Float32Array(tileElementsMax);

  constructor(kernel: NoiseKernel, graphs: DrawGraphs) {
    this.#kernel = kernel;
    this.#graphs = graphs;
  }

  async draw(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    const tile: Tile = { drawsMax: Math.max(1, Math.floor(tileElementsMax / batch.categories)), runs: [], draws: 0 };
    for (const need of needs) {
      for (const part of parts) {
        if (part.need !== need) continue;
        const draws = part.rowCount * part.sampleCount;
        for (let draw = 0; draw < draws; ) {
          const run = { part, draw, draws: runLength(part, draw, tile.drawsMax - tile.draws), place: tile.draws };
          this.#stage(batch, run, result);
          tile.runs.push(run);
          tile.draws += run.draws;
          draw += run.draws;
          if (tile.draws === tile.drawsMax) await this.#flush(batch.categories, tile, result);
        }
      }
    }
    if (tile.draws > 0) await this.#flush(batch.categories, tile, result);
    return result;
  }

  /** Writes the perturbed logits of a run to its places in the tile, and its noise to the result where that was asked for. */
  #stage(batch: Batch, { part, draw, draws, place }: Run, result: BatchResult): void {
    const { categories } = batch;
    const kernel = this.#kernel;
    const row = part.firstRow + (draw % part.rowCount);
    const rows = Math.min(draws, part.rowCount);
    const start = place * categories;
    const end = start + draws * categories;
    if (part.gumbel) {
      kernel.streams.set(batch.streams.subarray(row * streamColumns.count, (row + rows) * streamColumns.count));
      kernel.fillDraws(start, draws, categories, rows, part.firstSample + Math.floor(draw / part.rowCount));
    } else {
      kernel.noise.fill(0, start, end);
    }
    if (part.at.noise !== undefined) {
      result.noise.set(kernel.noise.subarray(start, end), part.at.noise + draw * categories);
    }
    if (part.need === 'noise') return;
    kernel.logits.set(batch.logits.subarray(row * categories, (row + rows) * categories));
    kernel.perturb(start, draws, categories, rows);
    for (let at = 0; at < draws; at++) this.#temperature[place + at] = batch.temperature[row + (at % rows)] as number;
  }

  /** Takes the argmax of every draw, runs the graph for those that are soft, and copies what was asked for to the result. */
  async #flush(categories: number, tile: Tile, result: BatchResult): Promise<void> {
    const { runs } = tile;
    const kernel = this.#kernel;
    const index = runs.filter(({ part }) => part.need !== 'noise');
    const soft = runs.filter(({ part }) => part.need === 'soft');
    if (index.length > 0) kernel.argmax(0, endOf(index), categories);
    for (const run of index) copyIndices(run, categories, result, kernel.indices);
    if (soft.length > 0) {
      const samples = await this.#graphs.soft(endOf(soft), categories, kernel.noise, this.#temperature);
      for (const run of soft) copySamples(run, categories, result, samples);
    }
    runs.length = 0;
    tile.draws = 0;
  }
}

/** The places that runs from the start of a tile take up. */
function endOf(runs: readonly Run[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.place + last.draws;
}

/**
 * How many draws from `draw` on form one run of at most `most`: the kernel repeats the rows of a run sample by sample, so a
 * run that begins inside a sample ends with it.
 */
function runLength({ rowCount, sampleCount }: PlannedPart, draw: number, most: number): number {
  const row = draw % rowCount;
  const left = row === 0 ? rowCount * sampleCount - draw : rowCount - row;
  return Math.min(left, most);
}

/** Copies the category of each draw of a run, and for a hard one sets the 1 of its sample. */
function copyIndices(
  { part, draw, draws, place }: Run,
  categories: number,
  result: BatchResult,
  indices: Int32Array,
): void {
  const { indices: indicesAt, samples: samplesAt } = part.at;
  if (indicesAt !== undefined) result.indices.set(indices.subarray(place, place + draws), indicesAt + draw);
  if (samplesAt === undefined || !part.hard) return;
  for (let at = 0; at < draws; at++) {
    result.samples[samplesAt + (draw + at) * categories + (indices[place + at] as number)] = 1;
  }
}

function copySamples(
  { part, draw, draws, place }: Run,
  categories: number,
  result: BatchResult,
  samples: Float32Array,
): void {
  const run = samples.subarray(place * categories, (place + draws) * categories);
  result.samples.set(run, (part.at.samples as number) + draw * categories);
}
