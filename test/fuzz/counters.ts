/**
 * Counters of the blocks that an input runs. instrument.ts writes their increments into the code that is fuzzed; that
 * code finds this object as `globalThis.__fuzz`.
 */
import { wasmCounters } from './instrument-wasm.js';

/** More than one input of the size that is fuzzed can need: a loop that goes on longer never ends. */
const stepsMax = 2_000_000;

/** An input that runs too long. */
class Hang extends Error {
  override readonly name = 'Hang';
}

export class Counters {
  /** For each block of JavaScript how often it has run, modulo 256. The length is a multiple of 4. */
  readonly blocks: Uint8Array;
  #wasm = new Uint8Array(0);
  #memory: ArrayBuffer | undefined;
  /** Iterations of loops. */
  steps = 0;
  readonly stepsMax = stepsMax;

  constructor(blockCount: number) {
    this.blocks = new Uint8Array(Math.ceil(blockCount / 4) * 4);
  }

  /** Called by the module that instantiates the WebAssembly codec. */
  watch(memory: ArrayBuffer): void {
    this.#memory = memory;
    this.#wasm = new Uint8Array(memory, wasmCounters.address, wasmCounters.max);
  }

  /** Called by a loop that has gone on too long. */
  hang(): never {
    throw new Hang(`The input takes more than ${stepsMax} iterations of loops.`);
  }

  reset(): void {
    this.blocks.fill(0);
    this.#wasm.fill(0);
    this.steps = 0;
    if (this.#memory) new Uint32Array(this.#memory, wasmCounters.stepsAddress, 1)[0] = 0;
  }

  /** Counters of JavaScript, and of WebAssembly. */
  get maps(): readonly Uint8Array[] {
    return [this.blocks, this.#wasm];
  }
}

/** How often a block has run, as a bit: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more (as in AFL). */
const bucketOf = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count < 4) return count === 0 ? 0 : 1 << (count - 1);
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
});

/** The blocks, each with how often it has run, that the inputs of a corpus have come to. */
export class Coverage {
  readonly #seen: Uint8Array[] = [];

  /** Adds what the last input has run. Returns whether there was anything new. */
  add({ maps }: Counters): boolean {
    let isNew = false;
    for (const [index, map] of maps.entries()) {
      this.#seen[index] ??= new Uint8Array(map.length);
      const seen = this.#seen[index];
      const words = new Uint32Array(map.buffer, map.byteOffset, map.length / 4);
      for (let word = 0; word < words.length; word++) {
        if (words[word] === 0) continue;
        for (let block = 4 * word; block < 4 * word + 4; block++) {
          const bucket = bucketOf[map[block]];
          if ((seen[block] & bucket) === bucket) continue;
          seen[block] |= bucket;
          isNew = true;
        }
      }
    }
    return isNew;
  }

  /** Blocks of JavaScript, and of WebAssembly, that have run. */
  get blocks(): number[] {
    return this.#seen.map((seen) => seen.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0));
  }
}

/** The blocks that the last input has run. */
export function blocksOf({ maps }: Counters): number[] {
  const blocks: number[] = [];
  for (const [index, map] of maps.entries()) {
    for (const [block, count] of map.entries()) if (count > 0) blocks.push(index * 2 ** 24 + block);
  }
  return blocks;
}
