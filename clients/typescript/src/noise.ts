/**
 * The noise of gumbel-sampler without the service: its own WebAssembly kernel, which gives the same bits, in Node.js
 * and browsers. docs/noise-contract.md specifies it.
 */
import {
  type KernelExports,
  type NewInstance,
  type NoiseKernel,
  noiseKernelOf,
} from '../../../src/sampler/noise/noise.js';
import { noiseVersion } from '../../../src/sampler/noise/version.js';
import { readKernel } from './kernel-file.js';
import { type Seed, toSeed } from './seed.js';
import { type ArrayInput, sizeOf, Tensor, toFloats } from './tensor.js';
import { type Replayable, type Verification, verifyWith } from './verify.js';

export interface NoiseTerms {
  /** One seed numbers its rows; with one for each row, each is row 0 of its seed. */
  readonly seed: Seed | readonly Seed[];
  readonly numSamples?: number | undefined;
  readonly rowOffset?: number | undefined;
  readonly sampleOffset?: number | undefined;
}

export interface ReplayTerms extends NoiseTerms {
  /** Of flat logits. */
  readonly shape?: readonly number[] | undefined;
  /** "none" leaves the noise out, as in the service. */
  readonly noise?: 'gumbel' | 'none' | undefined;
}

/** What a draw has of the same bits everywhere. Shaped like the logits, with numSamples in front where it is given. */
export interface Replay {
  readonly noise: Tensor;
  /** z = (logits - their largest) + noise. */
  readonly perturbed: Tensor;
  readonly indices: Tensor<Int32Array>;
  /** One-hot. */
  readonly hardSamples: Tensor;
}

export interface LoadOptions {
  /**
   * kernel.wasm of this package, as bytes or as a compiled WebAssembly.Module. For places that reach it neither by
   * fetch nor as a file beside this module.
   */
  readonly kernel?: object;
}

/** The kernel beside this module, which all callers share. */
let ownKernel: Promise<Noise> | undefined;

/** Loads the kernel, 14 KB, once. */
export async function loadNoise({ kernel }: LoadOptions = {}): Promise<Noise> {
  if (kernel instanceof WebAssembly.Module) return new Noise(kernel);
  if (kernel !== undefined) return compiled(kernel as BufferSource);
  ownKernel ??= readKernel().then(compiled);
  // What was not reached may be reached the next time.
  ownKernel.catch(() => {
    ownKernel = undefined;
  });
  return ownKernel;
}

async function compiled(bytes: BufferSource): Promise<Noise> {
  return new Noise(await WebAssembly.compile(bytes));
}

/** Elements drawn at a time, in 5 MiB; a longer row is drawn at once. */
const tileElements = 2 ** 18;
const pageBytes = 65_536;
/** Smaller logits are 0: then no difference of two is a denormal (docs/design.md, Mathematics). */
const smallestLogit = 2 ** -100;

export class Noise {
  readonly version: string = noiseVersion;
  readonly #newInstance: NewInstance;
  #kernel: NoiseKernel | undefined;

  /** See loadNoise. @param module a compiled WebAssembly.Module */
  constructor(module: object) {
    this.#newInstance = (bytes) => {
      const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes), maximum: 32_768 });
      const instance = new WebAssembly.Instance(module as WebAssembly.Module, { env: { memory } });
      return { exports: instance.exports as unknown as KernelExports, buffer: memory.buffer as ArrayBuffer };
    };
  }

  /** The Gumbel noise of logits of a shape, whose last axis is that of the categories. */
  gumbel(shape: readonly number[], terms: NoiseTerms): Tensor {
    const rows = new Streams(shape, terms);
    const noise = new Float32Array(rows.samples * rows.rows * rows.categories);
    this.#tiles(rows, (kernel, tile) => rows.copy(kernel.noise, noise, tile));
    return new Tensor(noise, rows.shape);
  }

  /** Noise, perturbed logits, indices and one-hot samples of a draw. `null` or -Infinity masks a category. */
  replay(logits: ArrayInput, { shape, noise: kind = 'gumbel', ...terms }: ReplayTerms): Replay {
    const { data, shape: own } = toFloats('logits', logits, shape, 'masks');
    const legal = legalLogits(data, own.at(-1) as number);
    const rows = new Streams(own, terms);
    const { categories } = rows;
    const draws = rows.samples * rows.rows;
    const noise = new Float32Array(draws * categories);
    const perturbed = new Float32Array(draws * categories);
    const indices = new Int32Array(draws);
    const hardSamples = new Float32Array(draws * categories);
    this.#tiles(rows, (kernel, tile) => {
      const count = tile.rows * tile.samples;
      if (kind === 'none') kernel.noise.fill(0, 0, count * categories);
      rows.copy(kernel.noise, noise, tile);
      kernel.logits.set(legal.subarray(tile.row * categories, (tile.row + tile.rows) * categories));
      kernel.perturb(0, count, categories, tile.rows);
      rows.copy(kernel.perturbed, perturbed, tile);
      kernel.argmax(0, count, categories);
      rows.copy(kernel.indices, indices, tile, 1);
    });
    for (const [draw, index] of indices.entries()) hardSamples[draw * categories + index] = 1;
    return {
      noise: new Tensor(noise, rows.shape),
      perturbed: new Tensor(perturbed, rows.shape),
      indices: new Tensor(indices, rows.shape.slice(0, -1)),
      hardSamples: new Tensor(hardSamples, rows.shape),
    };
  }

  /**
   * Replays a draw and compares what it has: noise, indices and one-hot samples bit for bit, soft samples within 1e-6
   * of the exact softmax, as the service promises.
   */
  verify(draw: Replayable): Verification {
    return verifyWith(this, draw);
  }

  /** Draws tile after tile; the kernel has the noise of a tile, of each sample row after row. */
  #tiles(streams: Streams, done: (kernel: NoiseKernel, tile: Tile) => void): void {
    const { categories, rows, samples, words, firstSample } = streams;
    const elements = Math.max(tileElements, categories);
    if (!this.#kernel || this.#kernel.noise.length < elements) {
      this.#kernel = noiseKernelOf(this.#newInstance, elements, tileElements);
    }
    const kernel = this.#kernel;
    const rowsMax = Math.max(1, Math.floor(tileElements / categories));
    for (let row = 0; row < rows; row += rowsMax) {
      const rowCount = Math.min(rowsMax, rows - row);
      const samplesMax = Math.max(1, Math.floor(tileElements / (rowCount * categories)));
      kernel.streams.set(words.subarray(row * 3, (row + rowCount) * 3));
      for (let sample = 0; sample < samples; sample += samplesMax) {
        const count = Math.min(samplesMax, samples - sample);
        kernel.fillDraws(0, rowCount * count, categories, rowCount, firstSample + sample);
        done(kernel, { row, rows: rowCount, sample, samples: count });
      }
    }
  }
}

interface Tile {
  readonly row: number;
  readonly rows: number;
  readonly sample: number;
  readonly samples: number;
}

const counterEnd = 2 ** 32;

/** The rows of a draw: seeds and numbers. */
class Streams {
  readonly categories: number;
  readonly rows: number;
  readonly samples: number;
  readonly firstSample: number;
  /** Low and high word of the seed, and the number, of each row. */
  readonly words: Uint32Array;
  readonly shape: readonly number[];

  constructor(shape: readonly number[], terms: NoiseTerms) {
    const { seed, numSamples, rowOffset = 0, sampleOffset = 0 } = terms;
    this.categories = shape.at(-1) ?? 0;
    this.rows = sizeOf(shape.slice(0, -1));
    this.samples = numSamples ?? 1;
    this.firstSample = sampleOffset;
    this.shape = numSamples === undefined ? shape : [numSamples, ...shape];
    if (!this.shape.every((extent) => Number.isInteger(extent) && extent >= 1) || shape.length === 0) {
      throw new RangeError(`There is no noise of the shape [${this.shape.join(', ')}].`);
    }
    const seeds = Array.isArray(seed) && seed.length !== 1 ? seed.map(toSeed) : [toSeed([seed].flat()[0] as Seed)];
    if (seeds.length !== 1 && seeds.length !== this.rows) {
      throw new RangeError(`There are ${seeds.length} seeds for ${this.rows} rows: give one for all, or one for each.`);
    }
    for (const [name, first, count] of [
      ['rowOffset', rowOffset, seeds.length === 1 ? this.rows : 1],
      ['sampleOffset', sampleOffset, this.samples],
    ] as const) {
      if (Number.isInteger(first) && first >= 0 && first + count <= counterEnd) continue;
      throw new RangeError(`${name} is ${first}: numbers of rows and samples are whole, from 0 to 2^32 - 1.`);
    }
    if (seeds.length > 1 && rowOffset !== 0) throw new RangeError('rowOffset needs one seed for all rows.');
    this.words = new Uint32Array(this.rows * 3);
    for (let row = 0; row < this.rows; row++) {
      const own = seeds[seeds.length === 1 ? 0 : row] as bigint;
      this.words.set(
        [Number(own & 0xffffffffn), Number(own >> 32n), seeds.length === 1 ? rowOffset + row : 0],
        row * 3,
      );
    }
  }

  /** Copies a tile to its place among all draws, [samples, rows, width]. */
  copy<Data extends Float32Array | Int32Array>(from: Data, to: Data, tile: Tile, width = this.categories): void {
    const size = tile.rows * width;
    for (let sample = 0; sample < tile.samples; sample++) {
      const start = ((tile.sample + sample) * this.rows + tile.row) * width;
      to.set(from.subarray(sample * size, (sample + 1) * size), start);
    }
  }
}

/** A copy of logits as the service uses them. @throws {RangeError} for what it would refuse */
function legalLogits(data: Float32Array, categories: number): Float32Array {
  const legal = data.map((logit) => (Math.abs(logit) < smallestLogit ? 0 : logit));
  for (let start = 0; start < legal.length; start += categories) {
    const row = legal.subarray(start, start + categories);
    const wrong = row.findIndex((logit) => !(logit < Number.POSITIVE_INFINITY));
    if (wrong >= 0) throw new RangeError(`logits are ${row[wrong]} in row ${start / categories}, category ${wrong}.`);
    if (!row.some((logit) => logit > Number.NEGATIVE_INFINITY)) {
      throw new RangeError(`All categories of row ${start / categories} are masked.`);
    }
  }
  return legal;
}

export type { Seed } from './seed.js';
export { type ArrayInput, type Nested, type NumberArray, Tensor, type TensorLike } from './tensor.js';
export type { Check, Replayable, Verification } from './verify.js';
