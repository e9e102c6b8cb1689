/**
 * Whether float32 values include any that logits must be changed or rejected for. Most tensors have none. The
 * WebAssembly kernel finds that out faster than a loop in JavaScript, which is then skipped.
 */
import { loadWasm, type WasmConstant, type WasmMemory } from '../../runtime/wasm.js';

interface ScanExports {
  readonly VALUES_MAX: WasmConstant;
  readonly NOT_FINITE: WasmConstant;
  readonly TINY: WasmConstant;
  readonly memory: WasmMemory;
  scan(count: number): number;
}

const kernel = loadWasm<ScanExports>(new URL('./float-scan.wasm', import.meta.url))();
const valuesMax = kernel.VALUES_MAX.value;
const values = new Float32Array(kernel.memory.buffer, 0, valuesMax);

export interface Found {
  /** NaN or an infinity of either sign. */
  readonly notFinite: boolean;
  /** A magnitude above 0 and below 2^-100. */
  readonly tiny: boolean;
}

/** What elements [from, to) include. */
export function scanFloats(data: Float32Array, from: number, to: number): Found {
  let found = 0;
  for (let offset = from; offset < to; offset += valuesMax) {
    const count = Math.min(valuesMax, to - offset);
    values.set(data.subarray(offset, offset + count));
    // The kernel reads whole groups of four.
    values.fill(0, count, Math.min(valuesMax, count + 3));
    found |= kernel.scan(count);
  }
  return { notFinite: (found & kernel.NOT_FINITE.value) !== 0, tiny: (found & kernel.TINY.value) !== 0 };
}
