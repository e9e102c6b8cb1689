/** Instantiates the WebAssembly module of the row kernels, each instance with its own memory. */
import { loadWasm, newMemory, type WasmMemory, wasmPageBytes } from '../../runtime/wasm.js';

/** The exports of assembly/row-kernel.ts. Addresses are bytes of the memory, flags 0 or 1. */
export interface Exports {
  topOutputs(
    to: number,
    scoresTo: number,
    thresholdTo: number,
    logProbTo: number,
    logits: number,
    noise: number,
    draws: number,
    categories: number,
    rowCount: number,
    k: number,
    z: number,
    normalizers: number,
    entries: number,
  ): number;
  normalizers(to: number, logits: number, categories: number, rows: number): number;
  orderLogProbs(
    to: number,
    orders: number,
    logits: number,
    draws: number,
    categories: number,
    rowCount: number,
    k: number,
    left: number,
    picked: number,
  ): void;
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
  conditionDraws(
    noiseTo: number,
    noise: number,
    logits: number,
    given: number,
    draws: number,
    categories: number,
    rowCount: number,
    wide: number,
  ): number;
  logSamplesOfZ(
    to: number,
    z: number,
    logits: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    logY: number,
  ): void;
  shiftRows(wide: number, logSums: number, logits: number, rows: number, categories: number): void;
  addInners(
    to: number,
    noise: number,
    wide: number,
    logSums: number,
    indices: number,
    cotangents: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    scratch: number,
  ): void;
  finishInners(
    to: number,
    temperatures: number,
    draws: number,
    categories: number,
    rowCount: number,
    inner: number,
  ): void;
  logSamplesOf(logY: number, logits: number, noise: number, categories: number, temperature: number, z: number): void;
  logDensityOf(logits: number, logY: number, categories: number, temperature: number): number;
  logFactorial(n: number): number;
  expOf(x: number): number;
  logOf(x: number): number;
  log1pOf(x: number): number;
  log1pWideOf(x: number): number;
}

const cacheLineBytes = 64;

/** 4 GiB, the limit of 32-bit addresses. A kernel needs up to 40 bytes for each element of its block or longest row. */
const pagesMax = 65536;

const newInstance = loadWasm<Exports>(new URL('./row-kernel.wasm', import.meta.url));

/** Page 0 of the memory has the kernel's constants and scratch. */
export function instantiate(): { memory: WasmMemory; kernel: Exports } {
  const memory = newMemory(1, pagesMax);
  return { memory, kernel: newInstance(memory) };
}

/** Grows a memory to at least `bytes`. */
export function growTo(memory: WasmMemory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / wasmPageBytes);
  if (missing > 0) memory.grow(missing);
}

/**
 * A bump allocator from page 1 on, aligned to cache lines. Each block has 16 bytes more than asked for, because the
 * kernel may write the last pair of a row beyond its end.
 *
 * @returns a function that takes the bytes of the next block and returns its offset
 */
export function bumpAllocator(): (bytes: number) => number {
  let end = wasmPageBytes;
  return (bytes) => {
    const start = end;
    end = Math.ceil((start + bytes + 16) / cacheLineBytes) * cacheLineBytes;
    return start;
  };
}
