/**
 * The WebAssembly part of the codec: one instance per thread, its memory map and its tables of powers. No call relies
 * on what an earlier one left in the memory: the caller copies in, calls and copies out in one turn of the event loop.
 */
import { loadWasm, type WasmConstant, type WasmMemory } from '../runtime/wasm.js';

interface CodecExports {
  /** The memory map of assembly/layout.ts. */
  readonly AXES: WasmConstant;
  readonly FIELDS: WasmConstant;
  readonly HARD_TOKENS: WasmConstant;
  readonly HARD_TOKENS_MAX: WasmConstant;
  readonly HIGHEST_POWER_F64: WasmConstant;
  readonly LOWEST_POWER_F64: WasmConstant;
  readonly POWERS_F64: WasmConstant;
  readonly POWERS_G: WasmConstant;
  readonly POWERS_U32: WasmConstant;
  readonly POWERS_U64: WasmConstant;
  readonly TEXT: WasmConstant;
  readonly TEXT_BYTES: WasmConstant;
  readonly VALUES: WasmConstant;
  readonly VALUES_MAX: WasmConstant;
  readonly memory: WasmMemory;
  parseSlice(length: number, axesMax: number): void;
  printFloatSlice(count: number, opening: number, column: number, row: number, columns: number, rank: number): number;
  printIntegerSlice(
    count: number,
    opening: number,
    column: number,
    row: number,
    columns: number,
    rank: number,
    signed: number,
  ): number;
}

export const codec = loadWasm<CodecExports>(new URL('./codec.wasm', import.meta.url))();

const { buffer } = codec.memory;
export const textBytesMax = codec.TEXT_BYTES.value;
/**
 * The parser needs no more, since a number and its separator take two bytes of text. The printers take at most this
 * many per call.
 */
export const valuesMax = codec.VALUES_MAX.value;

/** The most axes of an array. */
export const axesMost = codec.AXES.value;

/** Indexes into `fields`. */
export const Field = {
  consumed: 0,
  textLength: 0,
  count: 1,
  nulls: 2,
  infinites: 3,
  hardCount: 4,
  state: 5,
  rank: 7,
  depth: 8,
  column: 9,
  raggedRank: 10,
  /** One entry for each axis, outermost first; so are `counts` and `raggedPath`. */
  sizes: 16,
  counts: 25,
  raggedPath: 34,
  end: 43,
} as const;

/** The states of assembly/parse.ts that the host checks. */
export const State = { opened: 0, done: 5, other: 6, deep: 7 } as const;

export const fields = new Int32Array(buffer, codec.FIELDS.value, Field.end);

/** The first `count` fields from `start` on, as numbers. */
export function fieldsFrom(start: number, count: number): number[] {
  // The ranks of most arrays. A literal costs less than an array that grows.
  if (count === 1) return [fields[start]];
  if (count === 2) return [fields[start], fields[start + 1]];
  const values: number[] = [];
  for (let index = start; index < start + count; index++) values.push(fields[index]);
  return values;
}

/** One byte longer than a slice, for the 0 after its end. */
export const text = Buffer.from(buffer, codec.TEXT.value, textBytesMax + 1);
export const floatValues = new Float32Array(buffer, codec.VALUES.value, valuesMax);
export const integerValues = new Int32Array(buffer, codec.VALUES.value, valuesMax);
/** Triples (value index, text start, text end) of the tokens that only the host can round. */
export const hardTokens = new Uint32Array(buffer, codec.HARD_TOKENS.value, codec.HARD_TOKENS_MAX.value * 3);

/**
 * Powers of ten that are exact integers: the printer aligns digits by 10^0 .. 10^9, the parser scales by 10^0 .. 10^16.
 */
function fillExactPowers(): void {
  const printing = new Uint32Array(buffer, codec.POWERS_U32.value, 10);
  for (let exponent = 0; exponent < 10; exponent++) printing[exponent] = 10 ** exponent;
  const parsing = new BigUint64Array(buffer, codec.POWERS_U64.value, 17);
  for (let exponent = 0; exponent < 17; exponent++) parsing[exponent] = 10n ** BigInt(exponent);
}

/** Beyond 10^-65 .. 10^38 a float32 of 19 digits is 0 or infinite. Number() rounds correctly; `**` may not. */
function fillDecimalPowers(): void {
  const lowest = codec.LOWEST_POWER_F64.value;
  const count = codec.HIGHEST_POWER_F64.value - lowest + 1;
  const powers = new Float64Array(buffer, codec.POWERS_F64.value, count);
  for (let index = 0; index < count; index++) powers[index] = Number(`1e${index + lowest}`);
}

/** ceil(10^k * 2^s) for k = -31 .. 45, where s makes it fill 64 bits: the multipliers of Schubfach for float32. */
function fillSchubfachPowers(): void {
  const powers = new BigUint64Array(buffer, codec.POWERS_G.value, 77);
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

fillExactPowers();
fillDecimalPowers();
fillSchubfachPowers();
