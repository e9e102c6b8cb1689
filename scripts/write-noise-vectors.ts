// Writes clients/noise-vectors.json, the known answers that a noise in any language is tested against
// (docs/noise-contract.md, Test vectors): `npm run build && node dist/scripts/write-noise-vectors.js`. The values are
// those of the scalar mirror; the kernel only finds rare words. The same version writes the same file.

import { writeFileSync } from 'node:fs';
import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import { noiseVersion } from '../src/sampler/noise/version.js';
import { uniformFromBits, word } from '../test/support/reference/noise-float64.js';
import { mirrorGumbel } from '../test/support/reference/noise-mirror.js';

/** Ends of blocks, groups and chunks of the kernel, and of 16 and 20 bits. */
const corners = [0, 1, 2, 3, 4, 5, 15, 16, 17, 1023, 1024, 65_535, 65_536, 2 ** 20 - 1, 2 ** 20];

/** Seeds, rows and samples around the ends of their words. */
const draws: readonly (readonly [seed: bigint, row: number, sample: number])[] = [
  [0n, 0, 0],
  [1n, 0, 0],
  [42n, 0, 0],
  [42n, 1, 0],
  [42n, 0, 1],
  [2n ** 32n - 1n, 0, 0],
  [2n ** 32n, 0, 0],
  [2n ** 53n - 1n, 7, 11],
  [2n ** 63n + 2n ** 31n, 2 ** 31, 2 ** 31 + 1],
  [0n, 2 ** 32 - 1, 2 ** 32 - 1],
  [2n ** 64n - 1n, 0, 2 ** 32 - 1],
  [2n ** 64n - 1n, 2 ** 32 - 1, 0],
  [2n ** 64n - 1n, 2 ** 32 - 1, 2 ** 32 - 1],
];

/** Words that no search finds: the ends of what is rare, of roundings, and of what is clamped. */
const words: readonly (readonly [b: number, r: number])[] = [
  ...[0, 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1].flatMap((r) =>
    [0, 1, 2, 255, 65_536, 2 ** 24 - 1].map((b) => [b, r] as const),
  ),
  ...[2 ** 24, 2 ** 24 + 1, 2 ** 25, 2 ** 31 - 128, 2 ** 31, 2_714_937_127].map((b) => [b, 0] as const),
  ...[65_536, 512, 384, 257, 256, 129, 128, 127, 2, 1].map((below) => [2 ** 32 - below, 0] as const),
];

const kernel = createNoiseKernel(1);

/** The first two rare words up to category 2^20, and the rarest. */
function rareCategories(seed: bigint, row: number, sample: number): number[] {
  const bits = kernel.bits(2 ** 20 + 1, row, sample, Number(seed & 0xffffffffn), Number(seed >> 32n));
  const rare = [...bits.keys()].filter((category) => (bits[category] as number) < 2 ** 24);
  const rarest = rare.reduce((best, category) =>
    (bits[category] as number) < (bits[best] as number) ? category : best,
  );
  return [...rare.slice(0, 2), rarest];
}

function hex(integer: number): string {
  return integer.toString(16).padStart(8, '0');
}

function floatHex(value: number): string {
  return hex(new Uint32Array(Float32Array.of(value).buffer)[0] as number);
}

function drawOf([seed, row, sample]: (typeof draws)[number]) {
  const categories = [...new Set([...corners, ...rareCategories(seed, row, sample)])].sort((a, b) => a - b);
  const b = categories.map((category) => word(seed, row, sample, category, 0));
  const r = categories.map((category) => word(seed, row, sample, category, 1));
  return {
    seed: String(seed),
    row,
    sample,
    categories,
    b: b.map(hex),
    r: r.map(hex),
    uniform: b.map((first, at) => floatHex(uniformFromBits(first, r[at] as number))),
    noise: b.map((first, at) => floatHex(mirrorGumbel(first, r[at] as number))),
  };
}

const vectors = {
  noise_version: noiseVersion,
  draws: draws.map(drawOf),
  words: words.map(([b, r]) => ({
    b: hex(b),
    r: hex(r),
    uniform: floatHex(uniformFromBits(b, r)),
    noise: floatHex(mirrorGumbel(b, r)),
  })),
};
// A list and an object of words on one line each.
const text = JSON.stringify(vectors, null, 1)
  .replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, items: string) => `[${items.replace(/\s+/g, ' ')}]`)
  .replace(/\{\s+("b": "[^}]*?)\s+\}/g, (_, members: string) => `{ ${members.replace(/\s+/g, ' ')} }`);
writeFileSync('clients/noise-vectors.json', `${text}\n`);
