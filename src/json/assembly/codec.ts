/**
 * The number codec's entry: what the WebAssembly module exports. Parsing is in parse.ts, printing in print.ts, the
 * memory map in layout.ts. The host (src/json/) copies text and values in and out and keeps every bit of state between
 * calls.
 */
export { parseSlice } from "./parse";
export { printFloatSlice, printIntegerSlice } from "./print";
export {
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
