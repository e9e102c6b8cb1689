/** clients/noise-vectors.json: the published known answers are those of the mirror, and the kernel's. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { noiseVersion } from '../../../src/sampler/noise/version.js';
import { uniformFromBits, word } from '../../support/reference/noise-float64.js';
import { mirrorGumbel } from '../../support/reference/noise-mirror.js';

interface Vectors {
  readonly noise_version: string;
  readonly draws: readonly {
    readonly seed: string;
    readonly row: number;
    readonly sample: number;
    readonly categories: readonly number[];
    readonly b: readonly string[];
    readonly r: readonly string[];
    readonly uniform: readonly string[];
    readonly noise: readonly string[];
  }[];
  readonly words: readonly Readonly<Record<'b' | 'r' | 'uniform' | 'noise', string>>[];
}

// Compiled tests run from dist; the file stays where it is.
const path = new URL('../../../../clients/noise-vectors.json', import.meta.url);
const { noise_version, draws, words } = JSON.parse(readFileSync(path, 'utf8')) as Vectors;

const hex = (integer: number) => integer.toString(16).padStart(8, '0');
const floatHex = (value: number) => hex(new Uint32Array(Float32Array.of(value).buffer)[0]);
const fromHex = (text: string) => Number.parseInt(text, 16);

t.test('they are of the version that is served', async (t) => {
  t.equal(noise_version, noiseVersion);
});

t.test('the mirror gives them, from Philox on', async (t) => {
  for (const { seed, row, sample, categories, b, r, uniform, noise } of draws) {
    const name = `seed ${seed}, row ${row}, sample ${sample}`;
    const of = (stage: 0 | 1) => categories.map((category) => word(BigInt(seed), row, sample, category, stage));
    const [first, second] = [of(0), of(1)];
    t.same(first.map(hex), b, `b of ${name}`);
    t.same(second.map(hex), r, `r of ${name}`);
    t.same(
      first.map((word, at) => floatHex(uniformFromBits(word, second[at]))),
      uniform,
      `uniforms of ${name}`,
    );
    t.same(
      first.map((word, at) => floatHex(mirrorGumbel(word, second[at]))),
      noise,
      `noise of ${name}`,
    );
  }
  for (const { b, r, uniform, noise } of words) {
    t.equal(floatHex(uniformFromBits(fromHex(b), fromHex(r))), uniform, `uniform of ${b} ${r}`);
    t.equal(floatHex(mirrorGumbel(fromHex(b), fromHex(r))), noise, `noise of ${b} ${r}`);
  }
});

t.test('the kernel gives them', async (t) => {
  const kernel = createNoiseKernel(2 ** 20 + 1);
  for (const { seed, row, sample, categories, noise } of draws) {
    kernel.fill(0, 2 ** 20 + 1, row, sample, Number(BigInt(seed) & 0xffffffffn), Number(BigInt(seed) >> 32n));
    t.same(
      categories.map((category) => floatHex(kernel.noise[category])),
      noise,
      `seed ${seed}, row ${row}, sample ${sample}`,
    );
  }
  for (const { b, r, noise } of words) {
    t.equal(floatHex(kernel.gumbelFromBits(fromHex(b), fromHex(r))), noise, `${b} ${r}`);
  }
});

t.test('they have the corners: rare words, and the ends of seeds, rows, samples and categories', async (t) => {
  const ends = (values: readonly (number | bigint)[]) =>
    values.toSorted((a, b) => (a < b ? -1 : 1)).filter((_, at, all) => at === 0 || at === all.length - 1);
  t.same(ends(draws.map(({ seed }) => BigInt(seed))), [0n, 2n ** 64n - 1n]);
  t.same(ends(draws.map(({ row }) => row)), [0, 2 ** 32 - 1]);
  t.same(ends(draws.map(({ sample }) => sample)), [0, 2 ** 32 - 1]);
  for (const { categories, b } of draws) {
    t.same(ends(categories), [0, 2 ** 20]);
    t.ok(b.filter((word) => word.startsWith('00')).length >= 2, 'two rare words at least');
  }
});
