// Many draws in one call: each has the bits it has alone and those of the contract's mirror, whatever it shares a call
// with.

import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import type { NoiseKernel } from '../../../src/sampler/noise/noise.js';
import { word } from '../../support/reference/noise-float64.js';
import { mirrorGumbel } from '../../support/reference/noise-mirror.js';

const ELEMENTS_MAX = 4096;
const RARE_BELOW = 2 ** 24;

/** What no draw gives. */
const UNTOUCHED = -99;

/**
 * Every 31st value is held to the mirror, whose BigInt words are slow; the step is prime, so that every category has
 * its turn.
 */
const MIRROR_STEP = 31;

interface Stream {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly row: number;
}

interface Call {
  readonly start: number;
  readonly draws: number;
  readonly categories: number;
  readonly streams: readonly Stream[];
  readonly firstSample: number;
  /** 0, or that of an inner draw. */
  readonly stage: number;
}

const uint32 = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
);
const stream = fc.record({ seedLow: uint32, seedHigh: uint32, row: uint32 });

/** Rows of one request, whose seed they share, or of requests with seeds of their own. */
const streams = fc.oneof(
  fc.array(stream, { minLength: 1, maxLength: 70 }),
  fc
    .record({ first: stream, count: fc.integer({ min: 1, max: 300 }) })
    .map(({ first, count }) => Array.from({ length: count }, (_, i) => ({ ...first, row: (first.row + i) >>> 0 }))),
);

/** Lengths with and without a rest to a block of 4 and a group of 16, and around the chunk of 1024 and its half. */
const shape = fc
  .record({
    categories: fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 70 }) },
      { weight: 1, arbitrary: fc.constantFrom(100, 340, 509, 512, 513, 1000, 1021, 1024, 1025, 2050) },
    ),
    start: fc.integer({ min: 0, max: 70 }),
  })
  .chain(({ categories, start }) => {
    const most = Math.floor((ELEMENTS_MAX - start) / categories);
    const draws = fc.oneof(fc.integer({ min: 1, max: Math.min(most, 5) }), fc.integer({ min: 1, max: most }));
    return fc.record({ categories: fc.constant(categories), start: fc.constant(start), draws });
  });

const call: fc.Arbitrary<Call> = fc
  .record({
    shape,
    streams,
    firstSample: fc.oneof(uint32, fc.integer({ min: 2 ** 32 - 300, max: 2 ** 32 - 1 })),
    stage: fc.constantFrom(0, 0, 2, 4, 1024, 2048),
  })
  .map(({ shape, ...rest }) => ({ ...shape, ...rest }));

function fillDraws(kernel: NoiseKernel, { start, draws, categories, streams, firstSample, stage }: Call): void {
  kernel.streams.set(streams.flatMap(({ seedLow, seedHigh, row }) => [seedLow, seedHigh, row]));
  kernel.noise.fill(UNTOUCHED);
  kernel.fillDraws(start, draws, categories, streams.length, firstSample, stage);
}

/** Which stream and sample a draw is of. */
function drawOf({ streams, firstSample }: Call, draw: number): Stream & { sample: number } {
  const sample = (firstSample + Math.floor(draw / streams.length)) % 2 ** 32;
  return { ...streams[draw % streams.length], sample };
}

function mirror(
  { seedLow, seedHigh, row, sample }: ReturnType<typeof drawOf>,
  category: number,
  stage: number,
): number {
  const seed = (BigInt(seedHigh) << 32n) + BigInt(seedLow);
  const b = word(seed, row, sample, category, stage);
  return mirrorGumbel(b, b < RARE_BELOW ? word(seed, row, sample, category, stage + 1) : 0);
}

t.test('Draws of one call have the bits that each has alone, and nothing else is written', (t) => {
  const together = createNoiseKernel(ELEMENTS_MAX);
  const alone = createNoiseKernel(ELEMENTS_MAX);
  fc.assert(
    fc.property(call, (call) => {
      const { start, draws, categories } = call;
      fillDraws(together, call);
      alone.noise.fill(UNTOUCHED);
      for (let draw = 0; draw < draws; draw++) {
        const { row, sample, seedLow, seedHigh } = drawOf(call, draw);
        alone.fill(start + draw * categories, categories, row, sample, seedLow, seedHigh, call.stage);
      }
      // No value is NaN or -0, so that equal numbers are equal bits.
      return together.noise.every((g, i) => g === alone.noise[i]);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('Draws of one call equal the scalar mirror bit for bit', (t) => {
  const kernel = createNoiseKernel(ELEMENTS_MAX);
  fc.assert(
    fc.property(call, fc.nat({ max: MIRROR_STEP - 1 }), (call, first) => {
      const { start, draws, categories } = call;
      fillDraws(kernel, call);
      for (let i = first; i < draws * categories; i += MIRROR_STEP) {
        const expected = mirror(drawOf(call, Math.floor(i / categories)), i % categories, call.stage);
        if (!Object.is(kernel.noise[start + i], expected)) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('Rare values of draws that share a chunk equal the scalar mirror', (t) => {
  const kernel = createNoiseKernel(2 ** 16);
  const shapes = [1, 3, 10, 16, 40, 41, 64, 100, 512, 1000].flatMap((categories) => [
    { categories, stage: 0 },
    { categories, stage: 2 },
  ]);
  for (const { categories, stage } of shapes) {
    const draws = Math.floor(2 ** 16 / categories);
    const streams = [1, 2, 3].map((seedLow) => ({ seedLow, seedHigh: 2 ** 32 - seedLow, row: 2 ** 31 }));
    const call = { start: 0, draws, categories, streams, firstSample: 2 ** 32 - 5, stage };
    fillDraws(kernel, call);
    let rare = 0;
    let different = 0;
    for (let i = 0; i < draws * categories; i++) {
      // -log(-log1p(-2^-8)) = 5.5432, so these are all the rare ones and few others.
      if (kernel.noise[i] < 5.54) continue;
      rare++;
      if (kernel.noise[i] !== mirror(drawOf(call, Math.floor(i / categories)), i % categories, stage)) different++;
    }
    // 1 in 256 of 2^16 is 256, with a standard deviation of 16; five of them either way.
    t.ok(Math.abs(rare - 256) <= 80, `${rare} rare values with ${categories} categories at stage ${stage}`);
    t.equal(different, 0);
  }
  t.end();
});

t.test('A draw alone leaves the streams as they are', (t) => {
  const kernel = createNoiseKernel(20);
  kernel.streams.fill(7);
  kernel.fill(0, 20, 1, 2, 3, 4);
  kernel.bits(20, 1, 2, 3, 4);
  t.ok(kernel.streams.every((x) => x === 7));
  t.end();
});

t.test('All views have the size asked for, are aligned to 64 bytes and lie apart', (t) => {
  for (const [elements, draws] of [
    [1, 1],
    [17, 3],
    [16384, 16384],
    [65537, 1000],
  ] as const) {
    const kernel = createNoiseKernel(elements, draws);
    const views = [kernel.noise, kernel.logits, kernel.streams, kernel.indices];
    t.same(
      views.map((view) => view.length),
      [elements, elements, 3 * draws, draws],
    );
    for (const [i, view] of views.entries()) {
      t.equal(view.byteOffset % 64, 0);
      view.fill(i + 1);
    }
    t.ok(views.every((view, i) => view.every((x) => x === i + 1)));
  }
  t.equal(createNoiseKernel(5).indices.length, 5, 'as many draws as elements unless fewer are asked for');
  t.end();
});

t.test('Misuse of many draws is refused as a bug of ours', (t) => {
  const kernel = createNoiseKernel(32, 8);
  kernel.noise.fill(UNTOUCHED);
  const bug = /This is a bug\.$/;
  const ranges = [
    [0, 5, 7],
    [-1, 4, 4],
    [1, 4, 8],
    [0, 0, 4],
    [0, 4, 0],
    [0, -1, -1],
    [0.5, 1, 1],
    [0, 1.5, 2],
    [0, 1, 1.5],
    [Number.NaN, 1, 1],
    [0, Number.NaN, 1],
    [0, 1, Number.POSITIVE_INFINITY],
    [0, 2 ** 16, 2 ** 16],
  ] as const;
  for (const [start, draws, categories] of ranges) {
    const name = `${draws} draws of ${categories} from ${start}`;
    t.throws(() => kernel.fillDraws(start, draws, categories, 1, 0), bug, name);
    t.throws(() => kernel.perturb(start, draws, categories, 1), bug, name);
    t.throws(() => kernel.argmax(start, draws, categories), bug, name);
  }
  for (const rowCount of [0, -1, 9, 1.5, Number.NaN]) {
    t.throws(() => kernel.fillDraws(0, 1, 4, rowCount, 0), bug, `${rowCount} rows`);
    t.throws(() => kernel.perturb(0, 1, 4, rowCount), bug, `${rowCount} rows`);
  }
  t.throws(() => kernel.argmax(0, 9, 3), bug, 'more draws than indices');
  t.ok(
    kernel.noise.every((x) => x === UNTOUCHED),
    'and nothing was written',
  );
  for (const draws of [0, -1, 33, 1.5, Number.NaN]) {
    t.throws(() => createNoiseKernel(32, draws), bug, `a kernel of ${draws} draws`);
  }
  t.end();
});
