/**
 * The number codec's entry: what the WebAssembly module exports. Parsing is in parse.ts, printing in print.ts, the memory
 * map in layout.ts. The host (src/json/) copies text and values in and out and keeps every bit of state between calls.
 */
export { parseSlice } from "./parse";
export { printFloatSlice, printIntegerSlice } from "./print";
