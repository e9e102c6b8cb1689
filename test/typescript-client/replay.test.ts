/** @gumbel-sampler/client/noise: the service's kernel gives the service's bits without the service. */
import { readFileSync } from 'node:fs';
import { Tensor } from '@gumbel-sampler/client';
import { loadNoise } from '@gumbel-sampler/client/noise';
import t from 'tap';
import { serve } from './served.js';

const { client, close } = await serve();
t.teardown(close);
const noise = await loadNoise();

const bytes = ({ data: { buffer, byteOffset, byteLength } }: Tensor<Float32Array | Int32Array>) =>
  Buffer.from(buffer, byteOffset, byteLength);
const isEqual = (own: Tensor<Float32Array | Int32Array>, theirs: Tensor<Float32Array | Int32Array>) =>
  bytes(own).equals(bytes(theirs));

t.test('10^6 values of noise have the same bits, at the ends of seeds, rows and samples', async (t) => {
  let compared = 0;
  for (const [shape, terms] of [
    [[1000, 100], { seed: 0n }],
    [[1000, 100], { seed: 2n ** 64n - 1n, rowOffset: 2 ** 32 - 1000 }],
    [
      [10, 10, 100],
      { seed: 2n ** 63n + 2n ** 31n, numSamples: 10, rowOffset: 2 ** 31 - 50, sampleOffset: 2 ** 32 - 10 },
    ],
    [[3, 33_333], { seed: 2n ** 32n, sampleOffset: 2 ** 31 }],
    [[300_001], { seed: 42n }],
    [[20_000, 7], { seed: 2n ** 53n - 1n }],
    [[1000, 2, 50], { seed: Array.from({ length: 2000 }, (_, row) => 2n ** 64n - 1n - BigInt(row)) }],
    [[63_000, 1], { seed: 1n }],
  ] as const) {
    const logits = new Float32Array(shape.reduce<number>((size, extent) => size * extent, 1));
    const draw = await client.sample(logits, { shape, ...terms, outputs: ['noise'] });
    const own = noise.gumbel(shape, terms);
    t.same(own.shape, draw.noise.shape);
    t.ok(isEqual(own, draw.noise), `${shape} of ${String(terms.seed).slice(0, 40)}`);
    compared += own.data.length;
  }
  t.ok(compared >= 1e6, `${compared} values`);
});

t.test('perturbed logits, indices and one-hot samples: masks, ties, tiny and huge logits', async (t) => {
  const logits = Float32Array.from({ length: 600 * 40 }, (_, at) => {
    const row = Math.floor(at / 40);
    if (at % 40 > 0 && (at * 7) % 11 === 0) return -Infinity;
    return [0, 2 ** -101, -(2 ** -126), 1e30, -3e38, 1e7][row % 6] * (row % 3 === 0 ? (at % 5) - 2 : 1);
  });
  const shape = [600, 40];
  for (const kind of ['gumbel', 'none'] as const) {
    const terms = { shape, seed: 7, numSamples: 20, noise: kind };
    const draw = await client.sample(logits, { ...terms, hard: true, outputs: ['noise', 'indices', 'samples'] });
    const replay = noise.replay(logits, terms);
    t.ok(isEqual(replay.noise, draw.noise), 'noise');
    t.ok(isEqual(replay.indices, draw.indices), 'indices');
    t.ok(isEqual(replay.hardSamples, draw.samples), 'one-hot samples');
    t.ok(noise.verify(draw).ok);
  }
  const { perturbed, noise: g } = noise.replay([1, 0.5, null], { seed: 42 });
  t.same([...perturbed.data], [g.data[0], Math.fround(Math.fround(-0.5) + (g.data[1] as number)), -Infinity]);
});

t.test('a draw is verified, and one that was changed is not', async (t) => {
  const draw = await client.sample(
    [
      [1, 0.5, -1],
      [0, null, 0],
    ],
    {
      temperature: [0.5, 2],
      seed: 42,
      numSamples: 3,
      outputs: ['samples', 'indices', 'noise', 'logProb'],
    },
  );
  const { ok, checks } = await client.verify(draw);
  t.ok(ok);
  t.same(
    checks.map(({ output, compared, exact }) => [output, compared, exact]),
    [
      ['noise', 18, true],
      ['indices', 6, true],
      ['samples', 18, false],
    ],
  );
  const changed = (tensor: Tensor, at: number, by: number) => {
    const data = tensor.data.slice();
    data[at] += by;
    return new Tensor(data, tensor.shape);
  };
  const verdicts = async (other: object) => (await client.verify({ ...draw, ...other })).checks.map(({ ok }) => ok);
  t.same(await verdicts({ seed: 43 }), [false, false, false]);
  t.same(await verdicts({ noise: changed(draw.noise, 3, 1e-6) }), [false, true, true]);
  t.same(await verdicts({ samples: changed(draw.samples, 3, 3e-6) }), [true, true, false]);
  t.same(await verdicts({ samples: changed(draw.samples, 3, Number.NaN) }), [true, true, false]);
  t.same(await verdicts({ indices: draw.indices.toNested<number[][]>().map((row) => row.map((k) => 2 - k)) }), [
    true,
    false,
    true,
  ]);
  t.same(await verdicts({ sampleOffset: 1 }), [false, false, false]);
  const nothing = await client.verify({ logits: [0, 1], seed: 1, noiseVersion: draw.noiseVersion });
  t.notOk(nothing.ok, 'where nothing is compared, nothing is right');
});

t.test('draws of other noise are not verified', async (t) => {
  const draw = await client.sample([0, 1], { seed: 1 });
  await t.rejects(client.verify({ ...draw, noiseVersion: 'philox4x32-10/2' }), {
    message: /philox4x32-10\/2.*philox4x32-10\/1/,
  });
  const given = { ...draw, givenIndices: [1] };
  await t.rejects(client.verify(given), { message: /givenIndices/ });
  await t.rejects(client.vjp(given, [1, 0]), { message: /givenIndices/ });
});

t.test('the published known answers', async (t) => {
  const { draws } = JSON.parse(readFileSync(new URL('../../../clients/noise-vectors.json', import.meta.url), 'utf8'));
  for (const { seed, row, sample, categories, noise: expected } of draws) {
    const { data } = noise.gumbel([2 ** 20 + 1], { seed, rowOffset: row, sampleOffset: sample });
    const bits = new Uint32Array(data.buffer);
    const hex = categories.map((category: number) => bits[category].toString(16).padStart(8, '0'));
    t.same(hex, expected, `seed ${seed}, row ${row}, sample ${sample}`);
  }
});

t.test('the kernel as bytes, for places that reach no file', async (t) => {
  const kernel = readFileSync(new URL(import.meta.resolve('@gumbel-sampler/client/kernel.wasm')));
  const own = await loadNoise({ kernel });
  t.ok(isEqual(own.gumbel([9], { seed: 1 }), noise.gumbel([9], { seed: 1 })));
  await t.rejects(loadNoise({ kernel: new Uint8Array(8) }), 'and what is no kernel is refused');
});

t.test('what has no noise is refused', async (t) => {
  for (const [shape, terms, says] of [
    [[], { seed: 1 }, /shape/],
    [[0], { seed: 1 }, /shape/],
    [[2, 2.5], { seed: 1 }, /shape/],
    [[2, 2], { seed: [1, 2, 3] }, /3 seeds for 2 rows/],
    [[2, 2], { seed: 1, rowOffset: 2 ** 32 - 1 }, /rowOffset is 4294967295/],
    [[2, 2], { seed: 1, numSamples: 2, sampleOffset: 2 ** 32 - 1 }, /sampleOffset/],
    [[2, 2], { seed: 1, rowOffset: -1 }, /rowOffset is -1/],
    [[2, 2], { seed: [1, 2], rowOffset: 1 }, /rowOffset needs one seed/],
  ] as const) {
    t.throws(() => noise.gumbel(shape, terms), { message: says }, String(says));
  }
  t.throws(() => noise.replay([Number.NaN, 0], { seed: 1 }), /NaN in row 0, category 0/);
  t.throws(
    () =>
      noise.replay(
        [
          [0, 0],
          [null, null],
        ],
        { seed: 1 },
      ),
    /row 1 are masked/,
  );
});
