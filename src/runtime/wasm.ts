/** Loads the WebAssembly kernels that `npm run build:wasm` puts beside the files that use them. */
import { readFileSync } from 'node:fs';

/**
 * The part of the JavaScript API of WebAssembly that the service uses. TypeScript declares it only with the globals of
 * a browser.
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

/** Once it has grown, views on its buffer must be made anew. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export const wasmPageBytes = 65536;

export function newMemory(pages: number, pagesMax: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: pagesMax });
}

/**
 * Reads and compiles a module; call it once a thread. It returns what makes an instance of the module: all instances
 * share the compiled code.
 *
 * @returns makes an instance, on a memory where the module imports one
 */
export function loadWasm<Exports>(url: URL): (memory?: WasmMemory) => Exports {
  const module = new WebAssembly.Module(readFileSync(url));
  return (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}
