/** Opens the WebAssembly module of the row kernels, with a memory of its own for each. */
import { readFileSync } from 'node:fs';

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

/** A memory that grows on demand; views on it must then be made anew. */
export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the JavaScript API of WebAssembly that is used here; the libraries of the TypeScript set-up do not declare it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (descriptor: { initial: number; maximum: number }) => Memory;
  Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: unknown };
};

const pageBytes = 65536;
const cacheLineBytes = 64;

/** 4 GiB, what 32-bit addresses reach: at most 40 bytes an element of a block or of the longest row. */
const pagesMax = 65536;

/** Compiled once a thread. */
const module = new WebAssembly.Module(readFileSync(new URL('./row-kernel.wasm', import.meta.url)));

/** A new instance. Page 0 of its memory is the kernel's own. */
export function instantiate(): { memory: Memory; kernel: Exports } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: pagesMax });
  return { memory, kernel: new WebAssembly.Instance(module, { env: { memory } }).exports as Exports };
}

/** Makes a memory at least so many bytes long. */
export function growTo(memory: Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
  if (missing > 0) memory.grow(missing);
}

/** Gives out places one after another from page 1 on, aligned to cache lines. A row's last pair may be written 16 bytes beyond its end. */
export function placer(): (bytes: number) => number {
  let end = pageBytes;
  return (bytes) => {
    const start = end;
    end = Math.ceil((start + bytes + 16) / cacheLineBytes) * cacheLineBytes;
    return start;
  };
}
