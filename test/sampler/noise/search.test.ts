// The search for the index gives the index that noise, perturbed logits and argmax give, whatever the logits: it may
// leave out only categories that cannot win.

import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import type { NoiseKernel } from '../../../src/sampler/noise/noise.js';

const ELEMENTS_MAX = 2 ** 14;
const UNTOUCHED = -99;

interface Call {
  readonly categories: number;
  readonly rowCount: number;
  readonly draws: number;
  readonly firstSample: number;
  readonly seed: number;
}

/** Rests to a group of 16, long rows with rests to a chunk of 1,024, and rows that are drawn again and again. */
const call: fc.Arbitrary<Call> = fc
  .record({
    categories: fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(512, 1000, 1023, 1024, 1025, 1039, 1040, 2048, 3001),
    ),
    rowCount: fc.integer({ min: 1, max: 9 }),
    draws: fc.integer({ min: 1, max: 20 }),
    firstSample: fc.constantFrom(0, 1, 77, 2 ** 32 - 2),
    seed: fc.nat(),
  })
  .map((call) => ({ ...call, draws: Math.min(call.draws, Math.floor(ELEMENTS_MAX / call.categories)) }));

/** Logits of `rows` rows. `noise` is that of the first sample of each row. */
type Logits = (element: number, categories: number, noise: Float32Array) => number;

/** Integers by a hash: fast-check would take its time for thousands of values. */
const hash = (element: number) => Math.imul(element + 1, 0x9e3779b1) >>> 8;

/** The place of an element in its row, which nothing else depends on. */
const kinds: Readonly<Record<string, Logits>> = {
  flat: () => 0,
  spread: (element) => (hash(element) % 4096) / 256 - 8,
  peaked: (element) => (hash(element) % 4096) * 4,
  ascending: (element, categories) => element % categories,
  'steeply ascending': (element, categories) => 1e30 * (element % categories),
  descending: (element, categories) => -(element % categories) / 8,
  // Long before the largest comes, z is so far below it that its float32 steps are larger than the margin.
  'far until the last': (element, categories) => ((element + 1) % categories === 0 ? 0 : -1e7 - (hash(element) % 64)),
  'around the least best z': (element, categories) =>
    (element + 1) % categories === 0 ? 0 : -66 + (hash(element) % 1024) / 256,
  masked: (element) => (hash(element) % 5 === 0 ? (hash(element) % 100) / 10 : Number.NEGATIVE_INFINITY),
  'only the last': (element, categories) => ((element + 1) % categories === 0 ? 0 : Number.NEGATIVE_INFINITY),
  'as large as can be': (element) => [3.4e38, -3.4e38, 0, 1e-45, -1e20][hash(element) % 5],
  // Every z of the first sample is the same but for a rounding: the closest race there is.
  'all tied': (element, _, noise) => -noise[element],
  'all but tied': (element, _, noise) => -noise[element] + ((hash(element) % 64) - 32) * 2 ** -22,
  'tied far below': (element, categories, noise) => (element % categories === 0 ? 0 : -60 - noise[element]),
};

/** The row of a draw is finite somewhere, as the contract of the kernel has it. */
function logitsOf(kind: Logits, rows: number, categories: number, noise: Float32Array): Float32Array {
  const logits = Float32Array.from({ length: rows * categories }, (_, at) => kind(at, categories, noise));
  for (let row = 0; row < rows; row++) {
    const own = logits.subarray(row * categories, (row + 1) * categories);
    if (!own.some(Number.isFinite)) own[row % categories] = row;
  }
  return logits;
}

function setStreams(kernel: NoiseKernel, { rowCount, seed }: Call): void {
  for (let row = 0; row < rowCount; row++) kernel.streams.set([seed, row % 3, 11 * row], 3 * row);
}

/** The indices by argmax and by the search, in kernels of their own, and the rows that both leave behind. */
function compare(argmaxKernel: NoiseKernel, searchKernel: NoiseKernel, call: Call, kind: Logits, firstDraw: number) {
  const { categories, draws, rowCount, firstSample } = call;
  for (const kernel of [argmaxKernel, searchKernel]) setStreams(kernel, call);
  argmaxKernel.fillDraws(0, draws, categories, rowCount, firstSample);
  const rows = Math.min(draws, rowCount);
  const logits = logitsOf(kind, rows, categories, argmaxKernel.noise);
  argmaxKernel.logits.set(logits);
  argmaxKernel.perturb(0, draws, categories, rowCount);
  argmaxKernel.argmax(0, draws, categories);
  searchKernel.logits.set(logits);
  searchKernel.indices.fill(UNTOUCHED);
  searchKernel.noise.fill(UNTOUCHED);
  searchKernel.searchIndices(firstDraw, draws, categories, rowCount, firstSample);
  const same = (length: number, equal: (at: number) => boolean) => Array.from({ length }, (_, at) => at).every(equal);
  return {
    indices: same(draws, (at) => searchKernel.indices[firstDraw + at] === argmaxKernel.indices[at]),
    rows: same(rows * categories, (at) => Object.is(searchKernel.logits[at], argmaxKernel.logits[at])),
    rest:
      searchKernel.noise.every((value) => value === UNTOUCHED) &&
      searchKernel.indices.every((value, at) => (at >= firstDraw && at < firstDraw + draws) || value === UNTOUCHED),
  };
}

for (const [name, kind] of Object.entries(kinds)) {
  t.test(`The search finds the index of argmax, and leaves the noise alone: ${name}`, (t) => {
    const [argmaxKernel, searchKernel] = [createNoiseKernel(ELEMENTS_MAX), createNoiseKernel(ELEMENTS_MAX + 4096)];
    fc.assert(
      fc.property(call, fc.constantFrom(0, 1, 7), (call, firstDraw) => {
        if (firstDraw * call.categories > 4096) return true;
        const { indices, rows, rest } = compare(argmaxKernel, searchKernel, call, kind, firstDraw);
        return indices && rows && rest;
      }),
      { numRuns: 100, seed: 27 },
    );
    t.end();
  });
}

/**
 * Row and category of the words of seed 1, sample 0 whose test is the tightest, among 2^27: it leaves them out if it is
 * stricter than the truth by so many powers of two. Most words have a thousand times as much.
 */
const tightest = [
  [1665, 43_569, 8.6e-8],
  [555, 18_890, 5.3e-5],
  [1330, 28_869, 7.0e-5],
  [1776, 9_329, 8.4e-5],
  [1250, 31_844, 8.4e-5],
  [1176, 43_986, 8.5e-5],
  [1676, 2_185, 1.1e-4],
  [490, 56_180, 1.2e-4],
] as const;

t.test('A winner by one unit in the last place is found, where the test is the tightest', (t) => {
  const kernel = createNoiseKernel(2 ** 16);
  for (const [row, category, slack] of tightest) {
    const categories = category + 1;
    kernel.fill(0, categories, row, 0, 1, 0);
    const [first, g] = [kernel.noise[0] as number, kernel.noise[category] as number];
    const logits = new Float32Array(categories).fill(Number.NEGATIVE_INFINITY);
    logits[0] = 0;
    // The largest logit with which the category still loses, and the next float.
    let least = Math.fround(first - g);
    const z = () => Math.fround(least + g);
    while (z() > first) least = Math.fround(least - Math.abs(least) * 2 ** -23);
    while (z() <= first) {
      logits[category] = least;
      least = Math.fround(least + Math.abs(least) * 2 ** -24);
    }
    const search = () => {
      kernel.streams.set([1, 0, row]);
      kernel.logits.set(logits);
      kernel.searchIndices(0, 1, categories, 1, 0);
      return kernel.indices[0];
    };
    t.equal(search(), 0, `row ${row}: a tie or less loses`);
    logits[category] = least;
    t.equal(search(), category, `row ${row}: the next float wins; slack ${slack}`);
  }
  t.end();
});

t.test('Draws whose largest z is below the guess are found, too', (t) => {
  const [categories, draws] = [128, 2000];
  const [argmaxKernel, searchKernel] = [createNoiseKernel(draws * categories), createNoiseKernel(draws * categories)];
  for (const kernel of [argmaxKernel, searchKernel]) {
    kernel.streams.set([3, 0, 0]);
    kernel.logits.fill(0, 0, categories);
  }
  argmaxKernel.fillDraws(0, draws, categories, 1, 0);
  argmaxKernel.perturb(0, draws, categories, 1);
  argmaxKernel.argmax(0, draws, categories);
  searchKernel.searchIndices(0, draws, categories, 1, 0);
  // The guess is at least log sum exp l - 1.5 - 0.1.
  const low = Array.from({ length: draws }, (_, draw) => draw).filter((draw) => {
    const largest = argmaxKernel.perturbed[draw * categories + (argmaxKernel.indices[draw] as number)] as number;
    return largest < Math.log(categories) - 1.6;
  });
  t.ok(low.length > 0, 'there are such draws');
  t.same(Array.from(searchKernel.indices), Array.from(argmaxKernel.indices));
  t.end();
});

t.test('Calls beyond the memory of the kernel are refused', (t) => {
  const kernel = createNoiseKernel(1024, 8);
  const bug = /This is a bug/;
  t.throws(() => kernel.searchIndices(0, 9, 100, 1, 0), bug, 'more draws than indices');
  t.throws(() => kernel.searchIndices(7, 2, 100, 1, 0), bug, 'the last draw');
  t.throws(() => kernel.searchIndices(0, 2, 600, 1, 0), bug, 'more elements');
  t.throws(() => kernel.searchIndices(0, 2, 100, 9, 0), bug, 'more rows');
  t.throws(() => kernel.searchIndices(-1, 2, 100, 1, 0), bug, 'below 0');
  t.end();
});
