// The transform of words to values: equal to its scalar mirror bit for bit, and as accurate as the contract says.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { gumbelFromUniform, uniformFromBits, word } from '../../support/reference/noise-float64.js';
import { COEFFICIENTS, mirrorGumbel } from '../../support/reference/noise-mirror.js';

const RARE_BELOW = 2 ** 24;

/** Words around every power of two, where an exponent or a rounding changes. */
function edgeWords(): number[] {
  const words = new Set<number>();
  for (let exponent = 0; exponent <= 32; exponent++) {
    for (let offset = -300; offset <= 300; offset++) {
      const b = 2 ** exponent + offset;
      if (b >= 0 && b < 2 ** 32) words.add(b);
    }
  }
  return [...words];
}

/** Rare words with sizes spread over all exponents: the R2 sequence (Roberts 2018), the same in each run. */
function rareWords(i: number): [b: number, r: number] {
  const p = (i * 0.7548776662466927) % 1;
  const q = (i * 0.5698402909980532) % 1;
  return [Math.floor(2 ** (24 * p)) - 1, Math.floor(2 ** (32 * q))];
}

// Object.is tells +0 from -0, which the contract does too.
t.test('Ten million drawn values equal the scalar mirror bit for bit', (t) => {
  const elements = 2 ** 20;
  const kernel = createNoiseKernel(elements);
  let different = 0;
  let rare = 0;
  for (let row = 0; row < 10; row++) {
    const bits = kernel.bits(elements, row, 3, 20161103, 0xdeadbeef);
    kernel.fill(0, elements, row, 3, 20161103, 0xdeadbeef);
    for (let j = 0; j < elements; j++) {
      const b = bits[j];
      const r = b < RARE_BELOW ? word((0xdeadbeefn << 32n) + 20161103n, row, 3, j, 1) : 0;
      if (b < RARE_BELOW) rare++;
      if (!Object.is(kernel.noise[j], mirrorGumbel(b, r))) different++;
    }
  }
  t.equal(different, 0);
  // 1 in 256 of 10 * 2^20 is 40,960, with a standard deviation of 202; five of them either way.
  t.ok(Math.abs(rare - 40960) < 1010, `${rare} rare values`);
  t.end();
});

t.test('Two million rare values and the edges of all octaves equal the scalar mirror bit for bit', (t) => {
  const { gumbelFromBits } = createNoiseKernel(1);
  let different = 0;
  for (let i = 0; i < 2e6; i++) {
    const [b, r] = rareWords(i);
    if (!Object.is(gumbelFromBits(b, r), mirrorGumbel(b, r))) different++;
  }
  for (const b of edgeWords()) {
    for (const r of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
      if (!Object.is(gumbelFromBits(b, r), mirrorGumbel(b, r))) different++;
    }
  }
  t.equal(different, 0);
  t.end();
});

// 3 * 2^-24 and 2 ulp are the contract; scripts/measure-noise-error.ts takes every v and finds 2.495 * 2^-24 and 1.403
// ulp.
t.test('The error stays within 3 * 2^-24 max(1, |g|), and within 2 ulp where |g| is at least 1', (t) => {
  const { gumbelFromBits } = createNoiseKernel(1);
  let largest = 0;
  let largestUlps = 0;
  function measure(b: number, r: number): void {
    const exact = gumbelFromUniform(uniformFromBits(b, r));
    const size = Math.abs(exact);
    const error = Math.abs(gumbelFromBits(b, r) - exact);
    largest = Math.max(largest, error / Math.max(1, size));
    if (size >= 1) largestUlps = Math.max(largestUlps, error / 2 ** (Math.floor(Math.log2(size)) - 23));
  }
  // Every 1621st word, 2.6 million; the step is odd, so that all low bits occur.
  for (let b = RARE_BELOW; b < 2 ** 32; b += 1621) measure(b, 0);
  for (let i = 0; i < 1e6; i++) measure(...rareWords(i));
  for (const b of edgeWords()) for (const r of [0, 2 ** 32 - 1]) measure(b, r);
  // The two v that the exhaustive measurement found worst.
  for (const v of [0.9362069964408875, 0.9952359199523926]) measure(v * 2 ** 32, 0);
  t.ok(largest <= 3 * 2 ** -24, `${(largest * 2 ** 24).toFixed(3)} * 2^-24`);
  t.ok(largestUlps <= 2, `${largestUlps.toFixed(3)} ulp`);
  t.end();
});

t.test('The extremes are finite, and nothing is out of [-2.82, 45.1]', (t) => {
  const { gumbelFromBits } = createNoiseKernel(1);
  // -log(-log1p(-2^-65)) = 65 log 2, and v = 1 - 2^-24 gives -log(24 log 2). Tolerance: 2 ulp, 2^-17 and 2^-21.
  t.ok(Math.abs(gumbelFromBits(0, 0) - 65 * Math.LN2) <= 2 ** -17, 'no rarer value than v = 2^-65');
  t.ok(Math.abs(gumbelFromBits(2 ** 32 - 1, 0) + Math.log(24 * Math.LN2)) <= 2 ** -21, 'no smaller value');
  t.equal(gumbelFromBits(2 ** 32 - 1, 0), gumbelFromBits(2 ** 32 - 256, 0), 'v = 1 is clamped to 1 - 2^-24');
  for (const b of [0, 1, RARE_BELOW - 1, RARE_BELOW, 2 ** 31, 2 ** 32 - 1]) {
    for (const r of [0, 1, 2 ** 32 - 1]) {
      const g = gumbelFromBits(b, r);
      t.ok(g >= -2.82 && g <= 45.1, `words ${b}, ${r} give ${g}`);
    }
  }
  t.end();
});

t.test('A second word is used by rare values only', (t) => {
  const { gumbelFromBits } = createNoiseKernel(1);
  t.equal(gumbelFromBits(RARE_BELOW, 0), gumbelFromBits(RARE_BELOW, 2 ** 32 - 1));
  t.not(gumbelFromBits(1, 0), gumbelFromBits(1, 2 ** 32 - 1));
  t.end();
});

// log is flattest in float32 around its zero: where t rounds to 1, g is exactly 0, and its sign is +.
t.test('A zero is +0', (t) => {
  const { gumbelFromBits } = createNoiseKernel(1);
  let zeros = 0;
  // v = 1 - 1/e gives t = 1; f32(b) is a multiple of 256 there.
  const middle = Math.round(((1 - Math.exp(-1)) * 2 ** 32) / 256) * 256;
  for (let b = middle - 2 ** 16; b <= middle + 2 ** 16; b += 256) {
    const g = gumbelFromBits(b, 0);
    if (g === 0) {
      zeros++;
      t.ok(Object.is(g, 0), `word ${b}`);
    }
  }
  t.ok(zeros > 0, `${zeros} words give 0`);
  t.end();
});

t.test('The document lists the coefficients of the mirror', (t) => {
  const document = readFileSync(new URL('../../../../docs/noise-contract.md', import.meta.url), 'utf8');
  for (const [name, bits] of Object.entries(COEFFICIENTS)) {
    for (const [power, word] of bits.entries()) {
      const listed = new RegExp(`\\| ${name}${power} +\\| ([0-9a-f]{8})`).exec(document)?.[1];
      t.equal(listed, word.toString(16), `${name}${power}`);
    }
  }
  t.end();
});

t.test('v has 24 significant bits down to 2^-41, then fewer: 16 values in the binade around g = 41', async (t) => {
  // Below 2^-40 the first word is 0, so v = f32(r) 2^-64: all 24 bits where r >= 2^23, v >= 2^-41; a bit less for each
  // binade below.
  const kernel = createNoiseKernel(1);
  for (const [exponent, values] of [
    [31, 2 ** 23],
    [23, 2 ** 23],
    [22, 2 ** 22],
    [4, 16],
    [0, 1],
  ] as const) {
    const steps = Math.min(values, 4096);
    const spacing = 2 ** exponent / values;
    const uniforms = Array.from({ length: steps }, (_, step) => uniformFromBits(0, 2 ** exponent + step * spacing));
    t.equal(new Set(uniforms).size, steps, `r from 2^${exponent} on`);
    t.equal(Math.log2(uniforms[0]), exponent - 64);
    // Nothing between two of them: the words in between round to one of them.
    if (spacing > 1) {
      t.ok(uniforms.slice(0, 2).includes(uniformFromBits(0, 2 ** exponent + Math.floor(spacing / 2))));
    }
  }
  const values = Array.from({ length: 16 }, (_, step) => kernel.gumbelFromBits(0, 16 + step));
  t.equal(new Set(values).size, 16);
  // -log(31 * 2^-64) = 40.9 to -log(16 * 2^-64) = 41.6
  t.ok(Math.min(...values) > 40.9 && Math.max(...values) < 41.6);
  t.equal(Math.fround(kernel.gumbelFromBits(0, 2 ** 23)).toFixed(1), '28.4', 'where 24 bits end');
});
