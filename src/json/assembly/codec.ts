/**
 * The entry of the number codec: what the WebAssembly module exports. parse.ts parses, print.ts prints, layout.ts has
 * the memory map. The host (src/json/) copies text and values in and out, and keeps all state between calls.
 */
export { parseSlice } from "./parse";
export { printFloatSlice, printIntegerSlice } from "./print";
export {
  AXES,
  FIELDS,
  HARD_TOKENS,
  HARD_TOKENS_MAX,
  HIGHEST_POWER_F64,
  LOWEST_POWER_F64,
  LOWEST_POWER_G,
  POWERS_F64,
  POWERS_G,
  POWERS_U32,
  POWERS_U64,
  TEXT,
  TEXT_BYTES,
  VALUES,
  VALUES_MAX,
} from "./layout";
