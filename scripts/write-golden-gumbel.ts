// Writes test/fixtures/golden_gumbel_philox4x32-10_1.json, the exact float32 bits of g for a few draws and for the
// extremes of the words, and golden_gumbel_inner_philox4x32-10_1.json, the same of inner draws. Run when the version
// was frozen, and when inner draws were added: `npm run build && node dist/scripts/write-golden-gumbel.js`. It never
// overwrites a file; a change of any value is a new version with files of its own.

import { existsSync, writeFileSync } from 'node:fs';
import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import { noiseVersion } from '../src/sampler/noise/version.js';

const kernel = createNoiseKernel(4096);

function hex(x: number): string {
  return new Uint32Array(Float32Array.of(x).buffer).at(0)?.toString(16).padStart(8, '0') ?? '';
}

function draw(seed: bigint, row: number, sample: number, first: number, end: number, stage = 0) {
  kernel.fill(0, end, row, sample, Number(seed & 0xffffffffn), Number(seed >> 32n), stage);
  const gumbel = Array.from(kernel.noise.subarray(first, end), hex);
  return { seed: String(seed), row, sample, ...(stage > 0 && { stage }), first_category: first, gumbel };
}

const draws = [
  draw(0n, 0, 0, 0, 40),
  draw(1n, 0, 0, 0, 17),
  draw(42n, 0, 0, 0, 16),
  draw(42n, 3, 0, 0, 10),
  draw(42n, 0, 2, 0, 10),
  draw(2n ** 53n - 1n, 1, 1, 0, 7),
  draw(2n ** 63n + 2n ** 31n, 2 ** 31, 2 ** 31 + 1, 0, 21),
  draw(2n ** 64n - 1n, 2 ** 32 - 1, 2 ** 32 - 1, 0, 33),
  // Categories 100, 450 and 573 of this draw are rare values.
  draw(20161103n, 0, 0, 96, 104),
  draw(20161103n, 0, 0, 448, 452),
  draw(20161103n, 0, 0, 572, 576),
  // Beyond 64 groups of 16, where the kernel begins another chunk.
  draw(20161103n, 0, 0, 1016, 1048),
];

const words = [];
for (const r of [0, 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
  for (const b of [0, 1, 2, 3, 255, 256, 65535, 65536, 2 ** 23, 2 ** 24 - 1]) words.push([b, r] as const);
}
for (const b of [2 ** 24, 2 ** 24 + 1, 2 ** 25, 2 ** 30, 2 ** 31 - 128, 2 ** 31, 3 * 2 ** 30, 2714937127, 2 ** 32 - 1])
  words.push([b, 0] as const);
for (const below of [2, 127, 128, 129, 256, 257, 384, 512, 65536]) words.push([2 ** 32 - below, 0] as const);

const fromWords = words.map(([b, r]) => ({ b, r, gumbel: hex(kernel.gumbelFromBits(b, r)) }));
writeOnce('golden_gumbel', { noise_version: noiseVersion, draws, from_words: fromWords });

const inner = [
  draw(0n, 0, 0, 0, 40, 2),
  draw(42n, 0, 0, 0, 17, 4),
  draw(42n, 3, 2, 0, 10, 6),
  draw(2n ** 63n + 2n ** 31n, 2 ** 31, 2 ** 31 + 1, 0, 21, 2046),
  draw(2n ** 64n - 1n, 2 ** 32 - 1, 2 ** 32 - 1, 0, 33, 2048),
  // Beyond 64 groups of 16, where the kernel begins another chunk.
  draw(20161103n, 0, 0, 1016, 1048, 2),
];
writeOnce('golden_gumbel_inner', { noise_version: noiseVersion, draws: inner });

function writeOnce(name: string, golden: object): void {
  const file = `test/fixtures/${name}_philox4x32-10_1.json`;
  if (existsSync(file)) return;
  const text = JSON.stringify(golden, null, 1)
    .replace(/\n +("[0-9a-f]{8}")/g, ' $1')
    .replace(/("[0-9a-f]{8}")\n +\]/g, '$1 ]');
  writeFileSync(file, `${text}\n`, { flag: 'wx' });
}
