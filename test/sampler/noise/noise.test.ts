// The kernel and its loader: known answers, golden bits, what a value depends on, and misuse.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import type { NoiseKernel } from '../../../src/sampler/noise/noise.js';
import { noiseVersion } from '../../../src/sampler/noise/version.js';
import { gumbel, philox4x32, uniform, word } from '../../support/reference/noise-float64.js';

// Compiled tests run from dist; fixtures stay where they are.
function fixture(name: string) {
  return JSON.parse(readFileSync(new URL(`../../../../test/fixtures/${name}`, import.meta.url), 'utf8'));
}

function hex(words: Uint32Array | Float32Array): string[] {
  const bits = new Uint32Array(words.buffer, words.byteOffset, words.length);
  return Array.from(bits, (x) => x.toString(16).padStart(8, '0'));
}

function seedWords(seed: string | bigint): [low: number, high: number] {
  return [Number(BigInt(seed) & 0xffffffffn), Number(BigInt(seed) >> 32n)];
}

function drawn(
  kernel: NoiseKernel,
  categories: number,
  row: number,
  sample: number,
  seed: string | bigint,
): Float32Array {
  kernel.fill(0, categories, row, sample, ...seedWords(seed));
  return kernel.noise.slice(0, categories);
}

/** Most categories a fixture's single points ask for. */
const CATEGORIES_MAX = 3_600_000;

// The contract's promise: |g - g64| <= 3 * 2^-24 * max(1, |g64|), and at most 2 ulp where |g64| >= 1. The fixture's and
// the reference's own float64 error is below 2^-50, which the comparison leaves out.
function withinContract(g: number, exact: number): boolean {
  const size = Math.abs(exact);
  const ulp = 2 ** (Math.floor(Math.log2(size)) - 23);
  const error = Math.abs(g - exact);
  return error <= 3 * 2 ** -24 * Math.max(1, size) && (size < 1 || error <= 2 * ulp);
}

t.test('The reference gives the known answers of Random123 for Philox4x32-10', (t) => {
  const ones = 0xffffffffn;
  t.same(philox4x32([0n, 0n, 0n, 0n], [0n, 0n]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  t.same(philox4x32([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  t.same(
    philox4x32([0x243f6a88n, 0x85a308d3n, 0x13198a2en, 0x03707344n], [0xa4093822n, 0x299f31d0n]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
  t.end();
});

t.test('Bits and uniforms of the known answers are exact, and their values within the contract', (t) => {
  const kernel = createNoiseKernel(64);
  for (const { seed, row, sample, categories, bits, uniform_f32, gumbel_f64 } of fixture('noise_v1.json').cases) {
    const name = `seed ${seed}, row ${row}, sample ${sample}`;
    t.same(hex(kernel.bits(categories, row, sample, ...seedWords(seed))), bits, `bits of ${name}`);
    t.same(hex(kernel.uniforms(categories, row, sample, ...seedWords(seed))), uniform_f32, `uniforms of ${name}`);
    const values = drawn(kernel, categories, row, sample, seed);
    t.ok(
      values.every((g, j) => withinContract(g, gumbel_f64[j])),
      `values of ${name}`,
    );
  }
  t.end();
});

t.test('Rare and extreme known answers are found at their category', (t) => {
  const kernel = createNoiseKernel(CATEGORIES_MAX);
  for (const { seed, row, sample, category, bits, uniform_f32, gumbel_f64 } of fixture('noise_v1.json').points) {
    const name = `seed ${seed}, row ${row}, category ${category}`;
    const [low, high] = seedWords(seed);
    kernel.fill(0, category + 1, row, sample, low, high);
    t.ok(withinContract(kernel.noise[category], gumbel_f64), `value of ${name}`);
    t.equal(word(BigInt(seed), row, sample, category, 0), Number.parseInt(bits, 16), `reference word of ${name}`);
    t.same(hex(Float32Array.of(uniform(BigInt(seed), row, sample, category))), [uniform_f32], `uniform of ${name}`);
  }
  t.end();
});

t.test('Bits and uniforms of inner draws are those of randomgen, and their values within the contract', (t) => {
  const kernel = createNoiseKernel(512);
  for (const known of fixture('noise_stages.json').cases) {
    const { seed, row, sample, stage, first_category: first, bits, uniform_f32, gumbel_f64 } = known;
    const name = `seed ${seed}, row ${row}, sample ${sample}, stage ${stage}`;
    const draw = [first + bits.length, row, sample, ...seedWords(seed), stage] as const;
    t.same(hex(kernel.bits(...draw).slice(first)), bits, `bits of ${name}`);
    t.same(hex(kernel.uniforms(...draw).slice(first)), uniform_f32, `uniforms of ${name}`);
    kernel.fill(0, ...draw);
    const values = kernel.noise.slice(first, first + bits.length);
    t.ok(
      values.every((g, j) => withinContract(g, gumbel_f64[j])),
      `values of ${name}`,
    );
  }
  t.end();
});

t.test('Golden inner draws have the frozen bits', (t) => {
  const kernel = createNoiseKernel(2048);
  const golden = fixture('golden_gumbel_inner_philox4x32-10_1.json');
  t.equal(golden.noise_version, noiseVersion);
  for (const { seed, row, sample, stage, first_category, gumbel } of golden.draws) {
    kernel.fill(0, first_category + gumbel.length, row, sample, ...seedWords(seed), stage);
    const values = kernel.noise.slice(first_category, first_category + gumbel.length);
    t.same(hex(values), gumbel, `seed ${seed}, row ${row}, sample ${sample}, stage ${stage}`);
  }
  t.end();
});

t.test('Golden draws have the frozen bits', (t) => {
  const kernel = createNoiseKernel(2048);
  const golden = fixture('golden_gumbel_philox4x32-10_1.json');
  t.equal(golden.noise_version, noiseVersion);
  for (const { seed, row, sample, first_category, gumbel } of golden.draws) {
    const values = drawn(kernel, first_category + gumbel.length, row, sample, seed);
    t.same(hex(values.subarray(first_category)), gumbel, `seed ${seed}, row ${row}, sample ${sample}`);
  }
  for (const { b, r, gumbel } of golden.from_words) {
    t.same(hex(Float32Array.of(kernel.gumbelFromBits(b, r))), [gumbel], `words ${b}, ${r}`);
  }
  t.end();
});

t.test('Draws agree with the float64 reference for any seed, row and sample, above 2^31 too', (t) => {
  const kernel = createNoiseKernel(1100);
  const words = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  for (const [i, row] of words.entries()) {
    for (const [j, sample] of words.entries()) {
      const seed = (BigInt(words.at(i - j) as number) << 32n) + BigInt(words.at(i - 1) as number);
      const values = drawn(kernel, 37, row, sample, seed);
      const wrong = values.findIndex((g, category) => !withinContract(g, gumbel(seed, row, sample, category)));
      t.equal(wrong, -1, `row ${row}, sample ${sample}, seed ${seed}`);
    }
  }
  const long = drawn(kernel, 1100, 7, 8, 20161103n);
  t.equal(
    long.findIndex((g, category) => !withinContract(g, gumbel(20161103n, 7, 8, category))),
    -1,
    '1100 categories',
  );
  t.end();
});

t.test('A value does not depend on how many categories are drawn', (t) => {
  const kernel = createNoiseKernel(2100);
  const all = hex(drawn(kernel, 2100, 5, 6, 99n));
  // Every length of the first groups, and lengths around the chunk of 64 groups.
  const lengths = [...Array(70).keys()].slice(1).concat([1008, 1023, 1024, 1025, 1039, 1040, 1041, 2047, 2048, 2049]);
  for (const length of lengths)
    t.same(hex(drawn(kernel, length, 5, 6, 99n)), all.slice(0, length), `${length} categories`);
  t.end();
});

t.test('A value does not depend on where it is written or on what was drawn before', (t) => {
  const kernel = createNoiseKernel(300);
  const alone = hex(drawn(createNoiseKernel(100), 100, 1, 2, 3n));
  kernel.fill(0, 300, 9, 9, 9, 9);
  for (const start of [0, 1, 2, 3, 5, 16, 200]) {
    kernel.fill(start, 100, 1, 2, 3, 0);
    t.same(hex(kernel.noise.subarray(start, start + 100)), alone, `from ${start}`);
  }
  t.end();
});

t.test('Nothing outside the asked range is written', (t) => {
  const kernel = createNoiseKernel(2000);
  for (const [start, categories] of [
    [0, 1],
    [1, 15],
    [3, 16],
    [7, 17],
    [100, 31],
    [1, 1023],
    [1, 1025],
    [960, 1040],
  ] as const) {
    kernel.noise.fill(-99);
    kernel.fill(start, categories, 0, 0, 1, 0);
    const outside = [...kernel.noise.subarray(0, start), ...kernel.noise.subarray(start + categories)];
    t.ok(
      outside.every((x) => x === -99),
      `${categories} categories at ${start}`,
    );
    t.ok(
      kernel.noise.subarray(start, start + categories).every((x) => x !== -99),
      'and all inside is',
    );
  }
  t.end();
});

t.test('Two kernels share nothing', (t) => {
  const one = createNoiseKernel(20);
  const other = createNoiseKernel(20);
  one.fill(0, 20, 0, 0, 1, 0);
  const before = hex(one.noise);
  other.fill(0, 20, 0, 0, 2, 0);
  t.same(hex(one.noise), before);
  t.not(hex(other.noise), before);
  t.end();
});

t.test('The noise is a view of the size asked for, aligned to 64 bytes', (t) => {
  for (const elements of [1, 16384, 16385, 65536]) {
    const { noise } = createNoiseKernel(elements);
    t.equal(noise.length, elements);
    t.equal(noise.byteOffset % 64, 0);
  }
  t.end();
});

t.test('Misuse is refused as a bug of ours', (t) => {
  const kernel = createNoiseKernel(32);
  kernel.noise.fill(-99);
  const ranges = [
    [0, 33],
    [-1, 4],
    [31, 2],
    [0, 0],
    [0, -1],
    [0.5, 4],
    [0, 1.5],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ] as const;
  for (const [start, categories] of ranges) {
    t.throws(
      () => kernel.fill(start, categories, 0, 0, 0, 0),
      /This is a bug\.$/,
      `${categories} categories at ${start}`,
    );
  }
  t.ok(
    kernel.noise.every((x) => x === -99),
    'and nothing was written',
  );
  for (const elements of [0, -1, 1.5, Number.NaN, 2 ** 28 + 1]) {
    t.throws(() => createNoiseKernel(elements), /This is a bug\.$/, `${elements} elements`);
  }
  t.end();
});
