// The noise contract: Gumbel noise as a pure function of seed, row, sample and category. docs/noise-contract.md is its specification.
// Compiles and loads the WebAssembly kernel under assembly/. Leaves to its callers which rows and samples to draw, and when.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Any change of any value is a new version. */
export const NOISE_VERSION = 'philox4x32-10/1';

/**
 * A kernel with a memory of its own: not shared between threads, and a call overwrites what an earlier one left.
 * row, sample, seedLow and seedHigh are uint32; seedLow and seedHigh are the low and high 32 bits of the seed.
 */
export interface NoiseKernel {
  /** What `fill` writes: elementsMax floats at a fixed, 64-byte aligned place of the kernel's memory. */
  readonly noise: Float32Array<ArrayBuffer>;

  /**
   * Writes g = -log(-log1p(-v)) of the categories 0 .. categories - 1 to noise[start .. start + categories), and nothing else.
   * g is float32 in [-2.82, 45.1].
   */
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

/** The part of the JavaScript API of WebAssembly that is used here; the libraries of the TypeScript set-up do not declare it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: unknown };
};

interface KernelExports {
  setCall(row: number, sample: number, seedLow: number, seedHigh: number): void;
  fill(to: number, categories: number, row: number, sample: number, seedLow: number, seedHigh: number): void;
  bits(category: number): number;
  uniforms(category: number): number;
  gumbelFromBits(b: number, r: number): number;
}

const PAGE_BYTES = 65536;

/** Page 0 is the kernel's own; see assembly/memory.ts. */
const NOISE_START_BYTES = PAGE_BYTES;

/** 1 GiB of noise. A tile is a few hundred KiB; the limit keeps byte addresses far below 2^31. */
const ELEMENTS_MAX_LIMIT = 2 ** 28;

/** The kernel works on groups of 16 categories. */
const GROUP = 16;

/** Compiled once a thread: its code is shared by all kernels. */
const module = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));

/** A kernel with room for elementsMax floats, which cost 4 bytes each until the kernel is garbage. */
export function createNoiseKernel(elementsMax: number): NoiseKernel {
  assert(
    Number.isInteger(elementsMax) && elementsMax >= 1 && elementsMax <= ELEMENTS_MAX_LIMIT,
    `A noise kernel of ${elementsMax} elements was asked for. This is a bug.`,
  );
  const pages = NOISE_START_BYTES / PAGE_BYTES + Math.ceil((elementsMax * 4) / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports as KernelExports;

  function inGroups(count: number, drawGroup: (category: number) => number): ArrayBuffer {
    const words = new Uint32Array(count);
    for (let category = 0; category < count; category += GROUP) {
      const length = Math.min(GROUP, count - category);
      words.set(new Uint32Array(memory.buffer, drawGroup(category), length), category);
    }
    return words.buffer;
  }

  return {
    noise: new Float32Array(memory.buffer, NOISE_START_BYTES, elementsMax),

    fill(start, categories, row, sample, seedLow, seedHigh) {
      const end = start + categories;
      if (!(Number.isInteger(start) && start >= 0 && Number.isInteger(end) && end > start && end <= elementsMax)) {
        assert.fail(`Noise from ${start} to ${end} of ${elementsMax} elements was asked for. This is a bug.`);
      }
      kernel.fill(NOISE_START_BYTES + start * 4, categories, row, sample, seedLow, seedHigh);
    },

    bits(categories, row, sample, seedLow, seedHigh) {
      kernel.setCall(row, sample, seedLow, seedHigh);
      return new Uint32Array(inGroups(categories, kernel.bits));
    },

    uniforms(categories, row, sample, seedLow, seedHigh) {
      kernel.setCall(row, sample, seedLow, seedHigh);
      return new Float32Array(inGroups(categories, kernel.uniforms));
    },

    gumbelFromBits: kernel.gumbelFromBits,
  };
}
