/**
 * The WebAssembly half of the codec: one instance per thread, its memory map and its tables of powers. Nothing stays in its
 * memory from one call to the next; whoever calls copies in, calls and copies out without giving up the thread.
 */
import { readFileSync } from 'node:fs';

/** The part of the WebAssembly API used here; the es2023 library has no types for it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
};

interface CodecExports {
  memory: { readonly buffer: ArrayBuffer };
  parseSlice(length: number): void;
  printFloatSlice(count: number, opening: number, column: number, row: number, columns: number, rows: number): number;
  printIntegerSlice(
    count: number,
    opening: number,
    column: number,
    row: number,
    columns: number,
    rows: number,
    signed: number,
  ): number;
}

const module = new WebAssembly.Module(readFileSync(new URL('./codec.wasm', import.meta.url)));
export const codec = new WebAssembly.Instance(module).exports as CodecExports;

const { buffer } = codec.memory;

// The memory map of assembly/layout.ts.
const POWERS_U32 = 64;
const POWERS_F64 = 128;
const POWERS_G = 1024;
const TEXT = 2048;
export const textBytesMax = 65_536;
const VALUES = TEXT + textBytesMax + 256;
/** Two bytes of text hold at most one number, and the printers take no more at once. */
export const valuesMax = textBytesMax / 2;
const HARD_TOKENS = VALUES + valuesMax * 4;
const hardTokensMax = 4096;

/** Indexes into `fields`. */
export const Field = {
  state: 0,
  rank: 1,
  column: 2,
  rows: 3,
  columns: 4,
  raggedRow: 5,
  consumed: 6,
  textLength: 6,
  count: 7,
  nulls: 8,
  infinites: 9,
  hardCount: 10,
} as const;

/** Where the parser stands in an array: the states of assembly/parse.ts that the host asks about. */
export const State = { opened: 0, done: 6, other: 7 } as const;

export const fields = new Int32Array(buffer, 0, 16);
/** One byte longer than a slice, for the 0 that ends it. */
export const text = Buffer.from(buffer, TEXT, textBytesMax + 1);
export const floatValues = new Float32Array(buffer, VALUES, valuesMax);
export const integerValues = new Int32Array(buffer, VALUES, valuesMax);
/** Triples (value index, text start, text end) of the tokens only the host can round. */
export const hardTokens = new Uint32Array(buffer, HARD_TOKENS, hardTokensMax * 3);

/** 10^0 .. 10^9, by which both halves align digits. */
function fillSmallPowers(): void {
  const powers = new Uint32Array(buffer, POWERS_U32, 10);
  for (let exponent = 0; exponent < 10; exponent++) powers[exponent] = 10 ** exponent;
}

/** Outside 10^-65 .. 10^38 a float32 of 19 digits is 0 or infinite. Number() rounds correctly, `**` need not. */
function fillDecimalPowers(): void {
  const powers = new Float64Array(buffer, POWERS_F64, 104);
  for (let index = 0; index < 104; index++) powers[index] = Number(`1e${index - 65}`);
}

/** ceil(10^k * 2^s) for k = -31 .. 45, with the s that makes it fill 64 bits: the multipliers Schubfach needs for float32. */
function fillSchubfachPowers(): void {
  const powers = new BigUint64Array(buffer, POWERS_G, 77);
  for (let k = -31; k <= 45; k++) {
    // 2^200 leaves more than 64 bits of every quotient.
    const numerator = k < 0 ? 1n << 200n : 10n ** BigInt(k);
    const denominator = k < 0 ? 10n ** BigInt(-k) : 1n;
    const excessBits = BigInt((numerator / denominator).toString(2).length - 64);
    const scaled =
      excessBits > 0n
        ? ceilDivide(numerator, denominator << excessBits)
        : ceilDivide(numerator << -excessBits, denominator);
    powers[k + 31] = scaled;
  }
}

function ceilDivide(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

fillSmallPowers();
fillDecimalPowers();
fillSchubfachPowers();
