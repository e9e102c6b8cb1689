// The noise contract once more, for tests: plain TypeScript, BigInt words and float64 logarithms. Shares nothing with
// the kernel.
//
// Philox4x32-10 after Salmon et al. 2011; test/fixtures/README.md says which known answers it is held against.

const MASK32 = 0xffffffffn;

/** The 32-bit words of one block. counter has four words, key two, all below 2^32. */
export function philox4x32(counter: readonly bigint[], key: readonly bigint[]): number[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(product1 >> 32n) ^ c1 ^ k0, product1 & MASK32, (product0 >> 32n) ^ c3 ^ k1, product0 & MASK32];
    k0 = (k0 + 0x9e3779b9n) & MASK32;
    k1 = (k1 + 0xbb67ae85n) & MASK32;
  }
  return [c0, c1, c2, c3].map(Number);
}

/** The word of one category: the first with an even stage, the one that rare values take in addition with the next. */
export function word(seed: bigint, row: number, sample: number, category: number, stage: number): number {
  const counter = [BigInt(category >>> 2), BigInt(sample), BigInt(row), BigInt(stage)];
  return philox4x32(counter, [seed & MASK32, seed >> 32n])[category & 3];
}

/** The uniform v of two words, rounded to float32 at each step as the contract says. */
export function uniformFromBits(b: number, r: number): number {
  const rounded =
    b < 2 ** 24
      ? Math.fround(Math.fround(b) + Math.fround(Math.fround(r) * 2 ** -32)) * 2 ** -32
      : Math.fround(b) * 2 ** -32;
  return Math.min(Math.max(rounded, 2 ** -65), 1 - 2 ** -24);
}

/** g = -log(-log1p(-v)) in float64; its own error is some 2^-51, nothing beside the 2^-24 it is compared at. */
export function gumbelFromUniform(v: number): number {
  return -Math.log(-Math.log1p(-v));
}

export function uniform(seed: bigint, row: number, sample: number, category: number, stage = 0): number {
  const b = word(seed, row, sample, category, stage);
  return uniformFromBits(b, b < 2 ** 24 ? word(seed, row, sample, category, stage + 1) : 0);
}

export function gumbel(seed: bigint, row: number, sample: number, category: number, stage = 0): number {
  return gumbelFromUniform(uniform(seed, row, sample, category, stage));
}
