/** Loads the WebAssembly kernels. `npm run build:wasm` writes each beside the file that loads it. */
import { readFileSync } from 'node:fs';

/**
 * The part of the WebAssembly API that the service uses. TypeScript declares it only in lib.dom.d.ts:
 * https://github.com/microsoft/TypeScript-DOM-lib-generator/issues/826
 * Can go when its types have a library of their own.
 */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  Instance: new (module: object, imports: { env: { memory: WasmMemory | undefined } }) => { readonly exports: unknown };
};

/** An exported constant. */
export interface WasmConstant {
  readonly value: number;
}

/** After `grow`, `buffer` is a new object, and views on the old one are empty. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export const wasmPageBytes = 65536;

export function newMemory(pages: number, pagesMax: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: pagesMax });
}

/**
 * Reads and compiles a module. Call it once a thread: all instances share the compiled code.
 *
 * @returns a function that makes an instance; `memory` is for modules that import one
 */
export function loadWasm<Exports>(url: URL): (memory?: WasmMemory) => Exports {
  const module = new WebAssembly.Module(readFileSync(url));
  return (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}
