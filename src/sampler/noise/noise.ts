// The noise contract: Gumbel noise as a pure function of seed, row, sample and category. docs/noise-contract.md is its
// specification. Loads the WebAssembly kernel under assembly/, which also adds logits to the noise. Leaves to its
// callers which rows and samples to draw, and when.

import assert from 'node:assert/strict';
import { loadWasm, newMemory, wasmPageBytes } from '../../runtime/wasm.js';

/**
 * A kernel with a memory of its own: not shared between threads, and a call overwrites what an earlier one left. All
 * views are fixed places of that memory, aligned to 64 bytes, with room for elementsMax floats or drawsMax rows.
 *
 * Draws are numbered from 0 within a call and lie one after another: draw d is categories elements from start + d *
 * categories on. It is of row d % rowCount, whichever of draws and rowCount is larger.
 */
export interface NoiseKernel {
  /** What fillDraws writes and perturb adds to. */
  readonly noise: Float32Array<ArrayBuffer>;

  /** What perturb reads: row r from r * categories on. */
  readonly logits: Float32Array<ArrayBuffer>;

  /** What fillDraws reads, three words for each row: low and high 32 bits of its seed, and its number. */
  readonly streams: Uint32Array<ArrayBuffer>;

  /** What argmax writes, one index for each draw. */
  readonly indices: Int32Array<ArrayBuffer>;

  /** What exponents reads, one for each draw. */
  readonly temperatures: Float32Array<ArrayBuffer>;

  /** What exponents writes and normalize turns into samples. */
  readonly samples: Float32Array<ArrayBuffer>;

  /**
   * Writes g = -log(-log1p(-v)) of each draw's categories to noise, and nothing else there. Draw d is of the sample
   * firstSample + floor(d / rowCount), modulo 2^32. g is float32 in [-2.82, 45.1].
   */
  fillDraws(start: number, draws: number, categories: number, rowCount: number, firstSample: number): void;

  /**
   * Turns noise g into perturbed logits z = (l - max l) + g, in place: two float32 operations. -Infinity gives
   * -Infinity; at least one logit of each row is finite. Leaves l - max l in the rows of logits that were used, so
   * calling it again with them is right too.
   */
  perturb(start: number, draws: number, categories: number, rowCount: number): void;

  /** Writes the index of each draw's largest number in noise to indices, from indices[0] on: the lowest on a tie. */
  argmax(start: number, draws: number, categories: number): void;

  /**
   * Writes x = (z - max z) (1 / temperature) of the perturbed logits in noise to samples: the exponents of a softmax,
   * at most 0. Takes the largest from the indices that argmax wrote for them.
   */
  exponents(draws: number, categories: number): void;

  /**
   * Divides each draw's exponentials in samples by their sum, which is float64. What is then not above 2^-126 becomes
   * 0.
   */
  normalize(draws: number, categories: number): void;

  /** One draw of a stream of its own; row, sample, seedLow and seedHigh are uint32. For tests and scripts. */
  fill(start: number, categories: number, row: number, sample: number, seedLow: number, seedHigh: number): void;

  /** The first 32-bit word of each category. For tests. */
  bits(categories: number, row: number, sample: number, seedLow: number, seedHigh: number): Uint32Array<ArrayBuffer>;

  /** The uniform v in [2^-65, 1 - 2^-24] of each category. For tests. */
  uniforms(
    categories: number,
    row: number,
    sample: number,
    seedLow: number,
    seedHigh: number,
  ): Float32Array<ArrayBuffer>;

  /** g of a first word b and, where b < 2^24, a second word r. For tests. */
  gumbelFromBits(b: number, r: number): number;
}

/** What kernel.ts exports; addresses are bytes of the memory. */
interface KernelExports {
  setDraws(streams: number, rowCount: number, firstSample: number): void;
  fillDraws(to: number, draws: number, categories: number): void;
  perturb(noise: number, logits: number, draws: number, categories: number, rowCount: number): void;
  argmax(to: number, values: number, draws: number, categories: number): void;
  exponents(to: number, z: number, indices: number, temperatures: number, draws: number, categories: number): void;
  normalize(values: number, draws: number, categories: number): void;
  bits(category: number): number;
  uniforms(category: number): number;
  gumbelFromBits(b: number, r: number): number;
}

const CACHE_LINE_BYTES = 64;

/** Page 0 is the kernel's own; see assembly/memory.ts. */
const NOISE_START_BYTES = wasmPageBytes;

/** 256 MiB of noise. A tile is a few hundred KiB; the limit keeps byte addresses below 2^31. */
const ELEMENTS_MAX_LIMIT = 2 ** 26;

const STREAM_WORDS = 3;

/** The kernel works on groups of 16 categories. */
const GROUP = 16;

const newInstance = loadWasm<KernelExports>(new URL('./kernel.wasm', import.meta.url));

/** Where the views begin, in bytes. */
interface Layout {
  readonly logits: number;
  readonly streams: number;
  readonly indices: number;
  readonly temperatures: number;
  readonly samples: number;
  /** The stream of fill, bits and uniforms, so that they leave the caller's streams alone. */
  readonly ownStream: number;
  readonly end: number;
}

function layOut(elementsMax: number, drawsMax: number): Layout {
  const after = (start: number, words: number) => Math.ceil((start + words * 4) / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  const logits = after(NOISE_START_BYTES, elementsMax);
  const streams = after(logits, elementsMax);
  const indices = after(streams, drawsMax * STREAM_WORDS);
  const temperatures = after(indices, drawsMax);
  const samples = after(temperatures, drawsMax);
  const ownStream = after(samples, elementsMax);
  return { logits, streams, indices, temperatures, samples, ownStream, end: after(ownStream, STREAM_WORDS) };
}

function assertDraws(start: number, draws: number, categories: number, elementsMax: number): void {
  // NaN and fractions fail too: integers are all that | leaves as they are.
  const whole = (start | 0) === start && (draws | 0) === draws && (categories | 0) === categories;
  if (!whole || start < 0 || draws < 1 || categories < 1 || start + draws * categories > elementsMax) {
    assert.fail(
      `${draws} draws of ${categories} categories from ${start} on, of ${elementsMax} elements. This is a bug.`,
    );
  }
}

function assertCount(count: number, what: string, drawsMax: number): void {
  if ((count | 0) !== count || count < 1 || count > drawsMax) {
    assert.fail(`${count} ${what} in a noise kernel of ${drawsMax} draws. This is a bug.`);
  }
}

/**
 * A kernel for at most elementsMax elements and drawsMax rows a call: 12 bytes an element and 20 a row, until it is
 * garbage.
 */
export function createNoiseKernel(elementsMax: number, drawsMax = elementsMax): NoiseKernel {
  assert(
    Number.isInteger(elementsMax) && elementsMax >= 1 && elementsMax <= ELEMENTS_MAX_LIMIT,
    `A noise kernel of ${elementsMax} elements was asked for. This is a bug.`,
  );
  assert(
    Number.isInteger(drawsMax) && drawsMax >= 1 && drawsMax <= elementsMax,
    `A noise kernel of ${drawsMax} draws of ${elementsMax} elements was asked for. This is a bug.`,
  );
  const layout = layOut(elementsMax, drawsMax);
  const pages = Math.ceil(layout.end / wasmPageBytes);
  const memory = newMemory(pages, pages);
  const kernel = newInstance(memory);

  return {
    noise: new Float32Array(memory.buffer, NOISE_START_BYTES, elementsMax),
    logits: new Float32Array(memory.buffer, layout.logits, elementsMax),
    streams: new Uint32Array(memory.buffer, layout.streams, drawsMax * STREAM_WORDS),
    indices: new Int32Array(memory.buffer, layout.indices, drawsMax),
    temperatures: new Float32Array(memory.buffer, layout.temperatures, drawsMax),
    samples: new Float32Array(memory.buffer, layout.samples, elementsMax),

    fillDraws(start, draws, categories, rowCount, firstSample) {
      assertDraws(start, draws, categories, elementsMax);
      assertCount(rowCount, 'rows', drawsMax);
      kernel.setDraws(layout.streams, rowCount, firstSample);
      kernel.fillDraws(NOISE_START_BYTES + start * 4, draws, categories);
    },

    perturb(start, draws, categories, rowCount) {
      assertDraws(start, draws, categories, elementsMax);
      assertCount(rowCount, 'rows', drawsMax);
      kernel.perturb(NOISE_START_BYTES + start * 4, layout.logits, draws, categories, rowCount);
    },

    argmax(start, draws, categories) {
      assertDraws(start, draws, categories, elementsMax);
      assertCount(draws, 'indices', drawsMax);
      kernel.argmax(layout.indices, NOISE_START_BYTES + start * 4, draws, categories);
    },

    exponents(draws, categories) {
      assertDraws(0, draws, categories, elementsMax);
      assertCount(draws, 'temperatures', drawsMax);
      kernel.exponents(layout.samples, NOISE_START_BYTES, layout.indices, layout.temperatures, draws, categories);
    },

    normalize(draws, categories) {
      assertDraws(0, draws, categories, elementsMax);
      kernel.normalize(layout.samples, draws, categories);
    },

    ...singleDraws(kernel, memory.buffer, layout.ownStream, elementsMax),
  };
}

/** What tests and scripts ask of a kernel: one draw, of a stream that they give as numbers. */
function singleDraws(
  kernel: KernelExports,
  buffer: ArrayBuffer,
  streamStart: number,
  elementsMax: number,
): Pick<NoiseKernel, 'fill' | 'bits' | 'uniforms' | 'gumbelFromBits'> {
  const stream = new Uint32Array(buffer, streamStart, STREAM_WORDS);

  function setDraw(row: number, sample: number, seedLow: number, seedHigh: number): void {
    stream[0] = seedLow;
    stream[1] = seedHigh;
    stream[2] = row;
    kernel.setDraws(streamStart, 1, sample);
  }

  function inGroups(count: number, drawGroup: (category: number) => number): ArrayBuffer {
    const words = new Uint32Array(count);
    for (let category = 0; category < count; category += GROUP) {
      const length = Math.min(GROUP, count - category);
      words.set(new Uint32Array(buffer, drawGroup(category), length), category);
    }
    return words.buffer;
  }

  return {
    fill(start, categories, row, sample, seedLow, seedHigh) {
      assertDraws(start, 1, categories, elementsMax);
      setDraw(row, sample, seedLow, seedHigh);
      kernel.fillDraws(NOISE_START_BYTES + start * 4, 1, categories);
    },

    bits(categories, row, sample, seedLow, seedHigh) {
      setDraw(row, sample, seedLow, seedHigh);
      return new Uint32Array(inGroups(categories, kernel.bits));
    },

    uniforms(categories, row, sample, seedLow, seedHigh) {
      setDraw(row, sample, seedLow, seedHigh);
      return new Float32Array(inGroups(categories, kernel.uniforms));
    },

    gumbelFromBits: kernel.gumbelFromBits,
  };
}
