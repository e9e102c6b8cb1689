/** Opens the WebAssembly module of the row kernels, with a memory of its own for each. */
import { loadWasm, newMemory, type WasmMemory, wasmPageBytes } from '../../runtime/wasm.js';

/** What assembly/row-kernel.ts exports; addresses are bytes of the memory, flags 0 or 1. */
export interface Exports {
  topIndices(
    to: number,
    logits: number,
    noise: number,
    draws: number,
    categories: number,
    rowCount: number,
    k: number,
    z: number,
    entries: number,
  ): number;
  logOutputs(
    logSamplesTo: number,
    logProbTo: number,
    logits: number,
    noise: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    z: number,
    logY: number,
  ): number;
  logProbOfPoints(
    to: number,
    logits: number,
    points: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    areLogs: number,
    logY: number,
  ): number;
  gradientExponents(
    scaled: number,
    unit: number,
    logits: number,
    noise: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    ofRows: number,
  ): void;
  vjps(
    to: number,
    temperatureTo: number,
    z: number,
    scaled: number,
    cotangents: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
  ): void;
  reinmaxes(
    to: number,
    z: number,
    scaled: number,
    unit: number,
    cotangents: number,
    draws: number,
    categories: number,
    rowCount: number,
  ): void;
  logSamplesOf(logY: number, logits: number, noise: number, categories: number, temperature: number, z: number): void;
  logDensityOf(logits: number, logY: number, categories: number, temperature: number): number;
  logFactorial(n: number): number;
  expOf(x: number): number;
  logOf(x: number): number;
}

const cacheLineBytes = 64;

/** 4 GiB, what 32-bit addresses reach: at most 40 bytes an element of a block or of the longest row. */
const pagesMax = 65536;

const newInstance = loadWasm<Exports>(new URL('./row-kernel.wasm', import.meta.url));

/** A new instance. Page 0 of its memory is the kernel's own. */
export function instantiate(): { memory: WasmMemory; kernel: Exports } {
  const memory = newMemory(1, pagesMax);
  return { memory, kernel: newInstance(memory) };
}

/** Makes a memory at least so many bytes long. */
export function growTo(memory: WasmMemory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / wasmPageBytes);
  if (missing > 0) memory.grow(missing);
}

/**
 * Gives out places one after another from page 1 on, aligned to cache lines. A row's last pair may be written 16 bytes
 * beyond its end.
 */
export function placer(): (bytes: number) => number {
  let end = wasmPageBytes;
  return (bytes) => {
    const start = end;
    end = Math.ceil((start + bytes + 16) / cacheLineBytes) * cacheLineBytes;
    return start;
  };
}
