// The noise kernel: Gumbel noise as a pure function of seed, row, sample and category, specified in
// docs/noise-contract.md. This is the memory of the WebAssembly kernel of assembly/, and the calls to it. The kernel
// also computes perturbed logits, their argmax, and the parts of the softmax around the exponential.
//
// It imports nothing: the TypeScript client runs it in browsers (clients/typescript/src/noise.ts), and load-kernel.ts
// in the service.

/**
 * A kernel and its WebAssembly memory. Threads do not share it, and each call overwrites the results of earlier ones.
 * All arrays are fixed views of that memory, aligned to 64 bytes, with room for elementsMax floats or drawsMax draws or
 * rows.
 *
 * Draws are numbered from 0 within a call, and are adjacent: draw d has the elements from start + d * categories on. It
 * is of row d % rowCount; rowCount may be larger than draws.
 */
export interface NoiseKernel {
  /** float32 [draws, K]: the noise g. Output of fillDraws, input of perturb. */
  readonly noise: Float32Array<ArrayBuffer>;

  /** The same array as `noise`, by its name after perturb, which turns g into the perturbed logits z in place. */
  readonly perturbed: Float32Array<ArrayBuffer>;

  /** float32 [rows, K]. Input of perturb and searchIndices, which turn l into l - max l in place. */
  readonly logits: Float32Array<ArrayBuffer>;

  /**
   * uint32 [rows, 3]: low and high word of the seed, and the row number (JobNoise in job.ts). Input of fillDraws and
   * searchIndices.
   */
  readonly streams: Uint32Array<ArrayBuffer>;

  /** int32 [draws]. Output of argmax and searchIndices. */
  readonly indices: Int32Array<ArrayBuffer>;

  /** float32 [draws]. Input of exponents. */
  readonly temperatures: Float32Array<ArrayBuffer>;

  /** float32 [draws, K]. Output of exponents; normalize turns the exponentials in it into samples in place. */
  readonly samples: Float32Array<ArrayBuffer>;

  /**
   * Writes g = -log(-log1p(-v)) of each draw to noise, and to nothing else in it. Draw d is of the sample firstSample +
   * floor(d / rowCount), modulo 2^32. g is float32 in [-2.82, 45.1].
   *
   * @param stage of the words, even: 0 for the noise of a draw, 2m for its inner draw m (docs/noise-contract.md)
   */
  fillDraws(
    start: number,
    draws: number,
    categories: number,
    rowCount: number,
    firstSample: number,
    stage?: number,
  ): void;

  /**
   * Turns noise g into perturbed logits z = (l - max l) + g in place, by two float32 operations. A logit of -Infinity
   * gives -Infinity; at least one logit of each row is finite. Leaves l - max l in the rows of logits that it used. A
   * second call with them gives the same z for the same noise.
   */
  perturb(start: number, draws: number, categories: number, rowCount: number): void;

  /** Writes the argmax of each draw of perturbed to indices, from indices[0] on. The lowest index wins a tie. */
  argmax(start: number, draws: number, categories: number): void;

  /**
   * Writes the index of each draw to indices, from indices[firstDraw] on: the one that fillDraws, perturb and argmax
   * give. It leaves out the logarithms of categories that cannot be it, so noise and perturbed are not written; samples
   * are scratch. At least one logit of each row is finite.
   */
  searchIndices(firstDraw: number, draws: number, categories: number, rowCount: number, firstSample: number): void;

  /**
   * Writes x = (z - max z) (1 / temperature) to samples, with z from perturbed and max z by the indices that argmax
   * wrote. These are the exponents of a softmax, at most 0.
   */
  exponents(draws: number, categories: number): void;

  /**
   * Divides the exponentials of each draw in samples by their float64 sum. A value of at most 2^-126 becomes 0.
   */
  normalize(draws: number, categories: number): void;

  /** Writes the noise of one draw; row, sample, seedLow and seedHigh are uint32. For tests and scripts. */
  fill(
    start: number,
    categories: number,
    row: number,
    sample: number,
    seedLow: number,
    seedHigh: number,
    stage?: number,
  ): void;

  /** The first 32-bit word of each category. For tests. */
  bits(
    categories: number,
    row: number,
    sample: number,
    seedLow: number,
    seedHigh: number,
    stage?: number,
  ): Uint32Array<ArrayBuffer>;

  /** The uniform v in [2^-65, 1 - 2^-24] of each category. For tests. */
  uniforms(
    categories: number,
    row: number,
    sample: number,
    seedLow: number,
    seedHigh: number,
    stage?: number,
  ): Float32Array<ArrayBuffer>;

  /** g from a first word b and, if b < 2^24, a second word r. For tests. */
  gumbelFromBits(b: number, r: number): number;
}

/** The exports of assembly/kernel.ts. Addresses are bytes of the memory. */
export interface KernelExports {
  setDraws(streams: number, rowCount: number, firstSample: number, stage: number): void;
  fillDraws(to: number, draws: number, categories: number): void;
  perturb(noise: number, logits: number, draws: number, categories: number, rowCount: number): void;
  argmax(to: number, values: number, draws: number, categories: number): void;
  searchDraws(to: number, logits: number, most: number, draws: number, categories: number, rowCount: number): void;
  exponents(to: number, z: number, indices: number, temperatures: number, draws: number, categories: number): void;
  normalize(values: number, draws: number, categories: number): void;
  bits(category: number): number;
  uniforms(category: number): number;
  gumbelFromBits(b: number, r: number): number;
}

const CACHE_LINE_BYTES = 64;

/** WebAssembly's page 0 has the kernel's constants and scratch; see assembly/memory.ts. */
const NOISE_START_BYTES = 65536;

/** 256 MiB of noise, so that byte addresses stay below 2^31. A tile has a few hundred KiB. */
const ELEMENTS_MAX_LIMIT = 2 ** 26;

const STREAM_WORDS = 3;

/** The kernel works on groups of 16 categories. */
const GROUP = 16;

/** Makes an instance of the kernel, with a memory of its own of at least so many bytes. */
export type NewInstance = (bytes: number) => { readonly exports: KernelExports; readonly buffer: ArrayBuffer };

/** Byte offsets of the arrays. */
interface Layout {
  readonly logits: number;
  readonly streams: number;
  readonly indices: number;
  readonly temperatures: number;
  readonly samples: number;
  /** The one stream of fill, bits and uniforms, which do not overwrite `streams`. */
  readonly singleStream: number;
  readonly end: number;
}

/**
 * Samples have room for 16 bytes for each group of 16 categories, which searchIndices needs: below 4 categories, in
 * their cache line.
 */
function layOut(elementsMax: number, drawsMax: number): Layout {
  const after = (start: number, words: number) => Math.ceil((start + words * 4) / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
  const logits = after(NOISE_START_BYTES, elementsMax);
  const streams = after(logits, elementsMax);
  const indices = after(streams, drawsMax * STREAM_WORDS);
  const temperatures = after(indices, drawsMax);
  const samples = after(temperatures, drawsMax);
  const singleStream = after(samples, elementsMax);
  return { logits, streams, indices, temperatures, samples, singleStream, end: after(singleStream, STREAM_WORDS) };
}

function assertDraws(start: number, draws: number, categories: number, elementsMax: number): void {
  // NaN and fractions fail too: x | 0 equals x only for 32-bit integers.
  const whole = (start | 0) === start && (draws | 0) === draws && (categories | 0) === categories;
  if (!whole || start < 0 || draws < 1 || categories < 1 || start + draws * categories > elementsMax) {
    throw new Error(
      `${draws} draws of ${categories} categories from ${start} on, of ${elementsMax} elements. This is a bug.`,
    );
  }
}

function assertCount(count: number, what: string, drawsMax: number): void {
  if ((count | 0) !== count || count < 1 || count > drawsMax) {
    throw new Error(`${count} ${what} in a noise kernel of ${drawsMax} draws. This is a bug.`);
  }
}

function isWholeUpTo(count: number, most: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= most;
}

/**
 * Creates a kernel for at most elementsMax elements, and drawsMax draws or rows, in each call. Its memory has 12 bytes
 * for each element and 20 for each draw.
 */
export function noiseKernelOf(newInstance: NewInstance, elementsMax: number, drawsMax = elementsMax): NoiseKernel {
  if (!isWholeUpTo(elementsMax, ELEMENTS_MAX_LIMIT)) {
    throw new Error(`A noise kernel of ${elementsMax} elements was asked for. This is a bug.`);
  }
  if (!isWholeUpTo(drawsMax, elementsMax)) {
    throw new Error(`A noise kernel of ${drawsMax} draws of ${elementsMax} elements was asked for. This is a bug.`);
  }
  const layout = layOut(elementsMax, drawsMax);
  const { exports: kernel, buffer } = newInstance(layout.end);
  const noise = new Float32Array(buffer, NOISE_START_BYTES, elementsMax);

  return {
    noise,
    perturbed: noise,
    logits: new Float32Array(buffer, layout.logits, elementsMax),
    streams: new Uint32Array(buffer, layout.streams, drawsMax * STREAM_WORDS),
    indices: new Int32Array(buffer, layout.indices, drawsMax),
    temperatures: new Float32Array(buffer, layout.temperatures, drawsMax),
    samples: new Float32Array(buffer, layout.samples, elementsMax),

    fillDraws(start, draws, categories, rowCount, firstSample, stage = 0) {
      assertDraws(start, draws, categories, elementsMax);
      assertCount(rowCount, 'rows', drawsMax);
      kernel.setDraws(layout.streams, rowCount, firstSample, stage);
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

    searchIndices(firstDraw, draws, categories, rowCount, firstSample) {
      assertDraws(firstDraw * categories, draws, categories, elementsMax);
      assertCount(rowCount, 'rows', drawsMax);
      assertCount(firstDraw + draws, 'indices', drawsMax);
      kernel.setDraws(layout.streams, rowCount, firstSample, 0);
      kernel.searchDraws(layout.indices + firstDraw * 4, layout.logits, layout.samples, draws, categories, rowCount);
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

    ...singleDraws(kernel, buffer, layout.singleStream, elementsMax),
  };
}

/** The methods for tests and scripts: one draw, with its stream given as numbers. */
function singleDraws(
  kernel: KernelExports,
  buffer: ArrayBuffer,
  streamStart: number,
  elementsMax: number,
): Pick<NoiseKernel, 'fill' | 'bits' | 'uniforms' | 'gumbelFromBits'> {
  const stream = new Uint32Array(buffer, streamStart, STREAM_WORDS);

  function setDraw(row: number, sample: number, seedLow: number, seedHigh: number, stage: number): void {
    stream[0] = seedLow;
    stream[1] = seedHigh;
    stream[2] = row;
    kernel.setDraws(streamStart, 1, sample, stage);
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
    fill(start, categories, row, sample, seedLow, seedHigh, stage = 0) {
      assertDraws(start, 1, categories, elementsMax);
      setDraw(row, sample, seedLow, seedHigh, stage);
      kernel.fillDraws(NOISE_START_BYTES + start * 4, 1, categories);
    },

    bits(categories, row, sample, seedLow, seedHigh, stage = 0) {
      setDraw(row, sample, seedLow, seedHigh, stage);
      return new Uint32Array(inGroups(categories, kernel.bits));
    },

    uniforms(categories, row, sample, seedLow, seedHigh, stage = 0) {
      setDraw(row, sample, seedLow, seedHigh, stage);
      return new Float32Array(inGroups(categories, kernel.uniforms));
    },

    gumbelFromBits: kernel.gumbelFromBits,
  };
}
