/**
 * The shape in which a provider gets a run of the soft graph, so that the bits of a row never depend on what shares the run.
 * Both rules depend on the provider and on K alone, so they cannot bring back what they prevent.
 *
 * - WebGPU's softmax takes another workgroup size for a single row: it gets at least two, the last one repeated.
 * - CUDA's softmax above 1024 categories reads a row from the nearest 16-byte boundary on, so its sums depend on the row's address:
 *   K is padded with -Infinity, which adds 0, to a multiple of four.
 */
import type { Provider } from './provider.js';

export interface RunShape {
  readonly rows: number;
  readonly categories: number;
}

const webgpuRowsMin = 2;
const cudaCategoriesUnaligned = 1024;

export function runShape(provider: Provider, { rows, categories }: RunShape): RunShape {
  if (provider === 'webgpu') return { rows: Math.max(rows, webgpuRowsMin), categories };
  if (provider === 'cuda' && categories > cudaCategoriesUnaligned) {
    return { rows, categories: 4 * Math.ceil(categories / 4) };
  }
  return { rows, categories };
}

/** Copies rows to a wider shape: -Infinity in the categories that are new, the last row again in the rows that are. */
export function widen(values: Float32Array, from: RunShape, to: RunShape): Float32Array {
  const wide = new Float32Array(to.rows * to.categories).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < to.rows; row++) {
    const start = Math.min(row, from.rows - 1) * from.categories;
    wide.set(values.subarray(start, start + from.categories), row * to.categories);
  }
  return wide;
}

/** The rows and categories of `to` out of a wider shape. */
export function narrow(wide: Float32Array, from: RunShape, to: RunShape): Float32Array {
  if (from.categories === to.categories) return wide.subarray(0, to.rows * to.categories);
  const values = new Float32Array(to.rows * to.categories);
  for (let row = 0; row < to.rows; row++) {
    const start = row * from.categories;
    values.set(wide.subarray(start, start + to.categories), row * to.categories);
  }
  return values;
}
