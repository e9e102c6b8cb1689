/** Loads the noise kernel in Node.js. */
import { loadWasm, newMemory, wasmPageBytes } from '../../runtime/wasm.js';
import { type KernelExports, type NewInstance, type NoiseKernel, noiseKernelOf } from './noise.js';

const newInstanceOn = loadWasm<KernelExports>(new URL('./kernel.wasm', import.meta.url));

const newInstance: NewInstance = (bytes) => {
  const pages = Math.ceil(bytes / wasmPageBytes);
  const memory = newMemory(pages, pages);
  return { exports: newInstanceOn(memory), buffer: memory.buffer };
};

/** Creates a kernel for at most elementsMax elements, and drawsMax draws or rows, in each call. */
export function createNoiseKernel(elementsMax: number, drawsMax = elementsMax): NoiseKernel {
  return noiseKernelOf(newInstance, elementsMax, drawsMax);
}
