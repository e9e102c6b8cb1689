/**
 * Draws a batch on this thread: noise and perturbed logits from the kernel, samples and indices from the graph, tile by
 * tile. A tile is a number of whole draws that fits the L2 cache, in buffers that are reused, so memory is bounded by what
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
  readonly #hard = new Uint8Array(tileElementsMax);

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
    this.#hard.fill(part.hard ? 1 : 0, place, place + draws);
  }

  /** Runs the graph that the tile needs and copies what was asked for to the result. */
  async #flush(categories: number, tile: Tile, result: BatchResult): Promise<void> {
    const { draws, runs } = tile;
    const z = this.#kernel.noise;
    if (runs.some(({ part }) => part.need === 'soft')) {
      const drawn = await this.#graphs.draw(draws, categories, z, this.#temperature, this.#hard);
      for (const run of runs) copyOut(run, categories, result, drawn.index, drawn.samples);
    } else if (runs.some(({ part }) => part.need === 'index')) {
      const index = await this.#graphs.index(draws, categories, z);
      for (const run of runs) copyOut(run, categories, result, index, undefined);
    }
    runs.length = 0;
    tile.draws = 0;
  }
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

/** Copies the index (every second word of the view) and the sample of each draw of a run. */
function copyOut(
  { part, draw, draws, place }: Run,
  categories: number,
  result: BatchResult,
  index: Int32Array,
  samples: Float32Array | undefined,
): void {
  const { indices: indicesAt, samples: samplesAt } = part.at;
  if (indicesAt !== undefined) {
    for (let at = 0; at < draws; at++) result.indices[indicesAt + draw + at] = index[2 * (place + at)] as number;
  }
  if (samplesAt === undefined) return;
  const to = samplesAt + draw * categories;
  if (part.hard) {
    for (let at = 0; at < draws; at++) result.samples[to + at * categories + (index[2 * (place + at)] as number)] = 1;
  } else {
    result.samples.set((samples as Float32Array).subarray(place * categories, (place + draws) * categories), to);
  }
}
