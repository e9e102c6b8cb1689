/**
 * Draws a batch on this thread: noise from the kernel, samples and indices from the graph, tile by tile. A tile is a
 * number of whole draws (one row, one sample) that fits the L2 cache, in buffers that are reused, so memory is bounded
 * by what is returned and not by what is drawn. Which draws share a tile never changes a bit of any of them.
 */
import {
  type Batch,
  type BatchResult,
  type OutputName,
  outputFlag,
  outputs,
  partColumns,
  partFlags,
  streamColumns,
} from './job.js';
import { allocateResult } from './messages.js';
import { createNoiseKernel, type NoiseKernel } from './noise/noise.js';
import { type DrawGraphs, type IndexView, openDrawGraphs } from './onnx/session.js';

/** Elements of a tile: logits, noise and the graph's two intermediates of this size stay within 1 MiB of L2 cache. */
export const tileElementsMax = 2 ** 16;

export interface DrawerOptions {
  readonly provider: 'cpu';
  /** Largest K of a batch; a tile holds at least one such row. */
  readonly categoriesMax: number;
}

export async function openDrawer({ provider, categoriesMax }: DrawerOptions): Promise<Drawer> {
  const elementsMax = Math.max(tileElementsMax, categoriesMax);
  return new Drawer(createNoiseKernel(elementsMax), await openDrawGraphs(provider), elementsMax);
}

/** How much of the graph a part needs. Parts are drawn in this order, so that at most one tile mixes soft and hard. */
const needs = ['soft', 'index', 'noise'] as const;
type Need = (typeof needs)[number];

/** A part of the batch in hand: where its rows are, and where its outputs go. */
interface PartView {
  readonly need: Need;
  readonly firstRow: number;
  readonly rowCount: number;
  readonly firstSample: number;
  readonly sampleCount: number;
  readonly hard: boolean;
  readonly gumbel: boolean;
  /** Element offsets of the part's outputs in the batch's result; -1 for one that was not asked for. */
  readonly samplesAt: number;
  readonly indicesAt: number;
  readonly noiseAt: number;
}

export class Drawer {
  readonly #kernel: NoiseKernel;
  readonly #graphs: DrawGraphs;
  readonly #logits: Float32Array;
  readonly #temperature: Float32Array;
  readonly #hard: Uint8Array;

  constructor(kernel: NoiseKernel, graphs: DrawGraphs, elementsMax: number) {
    this.#kernel = kernel;
    this.#graphs = graphs;
    this.#logits = new Float32Array(elementsMax);
    this.#temperature = new Float32Array(tileElementsMax);
    this.#hard = new Uint8Array(tileElementsMax);
  }

  async draw(batch: Batch): Promise<BatchResult> {
    const { parts, result } = planBatch(batch);
    const tile = new Tile(Math.max(1, Math.floor(tileElementsMax / batch.categories)));
    for (const need of needs) {
      for (const part of parts) {
        if (part.need !== need) continue;
        const draws = part.rowCount * part.sampleCount;
        for (let draw = 0; draw < draws; draw++) {
          this.#stage(batch, part, draw, tile.count);
          tile.add(part, draw);
          if (tile.full) await this.#flush(batch.categories, tile, result);
        }
      }
    }
    if (tile.count > 0) await this.#flush(batch.categories, tile, result);
    return result;
  }

  /** Writes the inputs of one draw to a place of the tile. */
  #stage(batch: Batch, part: PartView, draw: number, place: number): void {
    const { categories, streams } = batch;
    const row = part.firstRow + (draw % part.rowCount);
    const start = place * categories;
    if (part.need !== 'noise') {
      this.#logits.set(batch.logits.subarray(row * categories, (row + 1) * categories), start);
      this.#temperature[place] = batch.temperature[row] as number;
      this.#hard[place] = part.hard ? 1 : 0;
    }
    if (!part.gumbel) {
      this.#kernel.noise.fill(0, start, start + categories);
      return;
    }
    const stream = row * streamColumns.count;
    this.#kernel.fill(
      start,
      categories,
      streams[stream + streamColumns.row] as number,
      part.firstSample + Math.floor(draw / part.rowCount),
      streams[stream + streamColumns.seedLow] as number,
      streams[stream + streamColumns.seedHigh] as number,
    );
  }

  /** Runs the graph that the tile needs and copies what was asked for to the result. */
  async #flush(categories: number, tile: Tile, result: BatchResult): Promise<void> {
    const rows = tile.count;
    const graphs = this.#graphs;
    const { noise } = this.#kernel;
    let samples: Float32Array | undefined;
    let index: IndexView | undefined;
    if (tile.soft) {
      const drawn = await graphs.draw(rows, categories, this.#logits, noise, this.#temperature, this.#hard);
      samples = drawn.samples;
      index = drawn.index;
    } else if (tile.index) {
      index = await graphs.index(rows, categories, this.#logits, noise);
    }
    for (let place = 0; place < rows; place++) {
      const part = tile.parts[place] as PartView;
      const draw = tile.draws[place] as number;
      const start = place * categories;
      const to = draw * categories;
      const category = index?.[2 * place] as number;
      if (part.indicesAt >= 0) result.indices[part.indicesAt + draw] = category;
      if (part.noiseAt >= 0) result.noise.set(noise.subarray(start, start + categories), part.noiseAt + to);
      if (part.samplesAt < 0) continue;
      if (part.hard) result.samples[part.samplesAt + to + category] = 1;
      else result.samples.set((samples as Float32Array).subarray(start, start + categories), part.samplesAt + to);
    }
    tile.clear();
  }
}

/** The draws staged for the next run, in order. */
class Tile {
  readonly parts: PartView[] = [];
  readonly draws: number[] = [];
  readonly #drawsMax: number;
  soft = false;
  index = false;

  constructor(drawsMax: number) {
    this.#drawsMax = drawsMax;
  }

  get count(): number {
    return this.parts.length;
  }

  get full(): boolean {
    return this.parts.length === this.#drawsMax;
  }

  add(part: PartView, draw: number): void {
    this.parts.push(part);
    this.draws.push(draw);
    this.soft ||= part.need === 'soft';
    this.index ||= part.need === 'index';
  }

  clear(): void {
    this.parts.length = 0;
    this.draws.length = 0;
    this.soft = false;
    this.index = false;
  }
}

/** Reads the batch's table of parts and allocates what they return, zeroed: a one-hot sample needs only its 1. */
function planBatch(batch: Batch): { parts: PartView[]; result: BatchResult } {
  const parts: PartView[] = [];
  let firstRow = 0;
  const counts: { [Name in OutputName]?: number } = {};
  for (let at = 0; at < batch.parts.length; at += partColumns.count) {
    const rowCount = batch.parts[at + partColumns.rowCount] as number;
    const sampleCount = batch.parts[at + partColumns.sampleCount] as number;
    const flags = batch.parts[at + partColumns.flags] as number;
    const draws = rowCount * sampleCount;
    const hard = (flags & partFlags.hard) !== 0;
    const wants = (name: OutputName) => (flags & outputFlag(name)) !== 0;
    const place = (name: OutputName) => {
      if (!wants(name)) return -1;
      const at = counts[name] ?? 0;
      counts[name] = at + draws * outputs[name].width(batch);
      return at;
    };
    parts.push({
      need: wants('samples') && !hard ? 'soft' : wants('samples') || wants('indices') ? 'index' : 'noise',
      firstRow,
      rowCount,
      firstSample: batch.parts[at + partColumns.firstSample] as number,
      sampleCount,
      hard,
      gumbel: (flags & partFlags.gumbel) !== 0,
      samplesAt: place('samples'),
      indicesAt: place('indices'),
      noiseAt: place('noise'),
    });
    firstRow += rowCount;
  }
  return { parts, result: allocateResult(counts) };
}
