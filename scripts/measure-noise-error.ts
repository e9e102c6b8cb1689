// Measures the largest error of the noise kernel: `npm run build && node dist/scripts/measure-noise-error.js`. Takes
// some 20 s. Every v of at least 2^-8 (2^26 numbers), and 2^24 rare values. docs/noise-contract.md quotes its output.

import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import { gumbelFromUniform, uniformFromBits } from '../test/support/reference/noise-float64.js';

const { gumbelFromBits } = createNoiseKernel(1);

function measure(name: string, words: Iterable<readonly [b: number, r: number]>): void {
  let count = 0;
  let largest = 0;
  let largestV = 0;
  let ulps = 0;
  let ulpsV = 0;
  let least = Infinity;
  let greatest = -Infinity;
  for (const [b, r] of words) {
    const v = uniformFromBits(b, r);
    const exact = gumbelFromUniform(v);
    const g = gumbelFromBits(b, r);
    const size = Math.abs(exact);
    const error = Math.abs(g - exact);
    const scaled = (error * 2 ** 24) / Math.max(1, size);
    const inUlps = size >= 1 ? error / 2 ** (Math.floor(Math.log2(size)) - 23) : 0;
    count++;
    least = Math.min(least, g);
    greatest = Math.max(greatest, g);
    if (!(scaled <= largest)) [largest, largestV] = [scaled, v];
    if (!(inUlps <= ulps)) [ulps, ulpsV] = [inUlps, v];
  }
  console.log(`${name}: ${count} values, g in [${least}, ${greatest}]`);
  console.log(`  largest |g - g64| / max(1, |g64|): ${largest.toFixed(3)} * 2^-24 at v = ${largestV}`);
  console.log(`  largest error where |g64| >= 1: ${ulps.toFixed(3)} ulp at v = ${ulpsV}`);
}

/** f32(b) takes 2^23 values in each of the octaves from 2^24 on; the first word that gives each of them. */
function* everyCommon(): Generator<readonly [number, number]> {
  for (let exponent = 24; exponent < 32; exponent++) {
    const step = 2 ** (exponent - 23);
    for (let b = 2 ** exponent; b < 2 ** (exponent + 1); b += step) yield [b, 0];
  }
}

/**
 * Rare words whose sizes are spread evenly over the exponents, so that the smallest v are met as often as the largest.
 */
function* someRare(): Generator<readonly [number, number]> {
  for (const b of [0, 1, 2 ** 24 - 1]) for (const r of [0, 1, 2 ** 32 - 1]) yield [b, r];
  for (let i = 0; i < 2 ** 24; i++) {
    // The R2 sequence (Roberts 2018): evenly spread points of the unit square, the same in each run.
    const p = (i * 0.7548776662466927) % 1;
    const q = (i * 0.5698402909980532) % 1;
    yield [Math.floor(2 ** (24 * p)) - 1, Math.floor(2 ** (32 * q))];
  }
}

measure('v >= 2^-8, every one', everyCommon());
measure('v < 2^-8, some', someRare());
