/** The TypeScript client draws what POST /sample, /sample/vjp and /log-prob answer, bit for bit, in any rank. */
import { Client, Tensor } from '@gumbel-sampler/client';
import fc from 'fast-check';
import t from 'tap';
import { serve } from './served.js';

const { client, service, close } = await serve();
t.teardown(close);

type Json = number | null | readonly Json[];

/** JSON of the service, flat; float32 prints as the shortest decimal that reads back to it, so bits can be compared. */
function flat(json: Json): number[] {
  return Array.isArray(json) ? json.flatMap(flat) : [(json as number | null) ?? -Infinity];
}

const bitsOf = ({ data: { buffer, byteOffset, byteLength } }: Tensor<Float32Array | Int32Array | Float64Array>) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');
const floats = (json: Json) => bitsOf({ data: Float32Array.from(flat(json)) } as Tensor);

/** Draws of any rank with all that a request can have. */
const cases = fc
  .record({
    leading: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }),
    categories: fc.integer({ min: 2, max: 6 }),
    numSamples: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    perRow: fc.boolean(),
    hard: fc.boolean(),
    rowOffset: fc.integer({ min: 0, max: 2 ** 32 - 100 }),
    sampleOffset: fc.integer({ min: 0, max: 2 ** 32 - 100 }),
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    values: fc.infiniteStream(fc.option(fc.integer({ min: -40, max: 40 }), { freq: 8 })),
  })
  .map(({ leading, categories, values, ...rest }) => {
    const rows = leading.reduce((product, extent) => product * extent, 1);
    // The first category is never masked.
    const logits = Array.from({ length: rows }, () =>
      Array.from({ length: categories }, (_, k) => {
        const value = values.next().value as number | null;
        return value === null && k > 0 ? null : (value ?? 0) / 8;
      }),
    );
    return { leading, categories, rows, logits, ...rest };
  });

/** Rows nested in a leading shape: a row for []. */
function nest<Row>(rows: readonly Row[], leading: readonly number[]): unknown {
  return leading.reduceRight<unknown[]>(
    (level, extent) =>
      Array.from({ length: level.length / extent }, (_, at) => level.slice(at * extent, (at + 1) * extent)),
    [...rows],
  )[0];
}

t.test('a draw of any rank is that of its rows, whatever form the logits have', async (t) => {
  const outputs = ['samples', 'indices', 'logSamples', 'noise'] as const;
  const check = fc.asyncProperty(
    cases,
    async ({ leading, categories, rows, logits, perRow, seed, numSamples, ...rest }) => {
      const temperatures = Array.from({ length: rows }, (_, row) => 0.5 + row / 4);
      const seeds = Array.from({ length: rows }, (_, row) => BigInt.asUintN(64, seed + BigInt(row)));
      const isPerRow = perRow && rows > 1;
      const { hard, sampleOffset } = rest;
      const terms = {
        hard,
        sampleOffset,
        numSamples,
        outputs,
        ...(isPerRow
          ? { temperature: temperatures, seed: seeds }
          : { temperature: 0.5, seed, rowOffset: rest.rowOffset }),
      };
      const { reply, status, text } = await service.sample({
        logits,
        hard,
        sample_offset: sampleOffset,
        ...(isPerRow
          ? { temperature: temperatures, seed: seeds.map(String) }
          : { temperature: 0.5, seed: String(seed), row_offset: rest.rowOffset }),
        ...(numSamples !== undefined && { num_samples: numSamples }),
        return: ['samples', 'indices', 'log_samples', 'noise'],
      });
      if (status !== 200) throw new Error(text);
      const shape = [...leading, categories];
      const typed = Float32Array.from(flat(logits));
      for (const [form, options] of [
        [nest(logits, leading) as never, terms],
        [typed, { ...terms, shape }],
        [Float64Array.from(typed), { ...terms, shape }],
        [new Tensor(typed, shape), terms],
      ] as const) {
        const draw = await client.sample(form, options);
        const front = numSamples === undefined ? leading : [numSamples, ...leading];
        t.same(draw.samples.shape, [...front, categories]);
        t.same(draw.indices.shape, front);
        t.equal(bitsOf(draw.samples), floats(reply.samples));
        t.equal(bitsOf(draw.noise), floats(reply.noise));
        t.equal(bitsOf(draw.logSamples), floats(reply.log_samples));
        t.same([...draw.indices.data], flat(reply.indices));
        t.same(draw.seed, isPerRow ? seeds : seed);
        const { ok } = await client.verify(draw);
        t.ok(ok, 'and the client verifies it');
      }
    },
  );
  await fc.assert(check, { numRuns: 60, seed: 20261126 });
});

t.test('nested results have the shape of nested logits', async (t) => {
  const draw = await client.sample(
    [
      [
        [1, 0.5, -1],
        [0, null, 0],
      ],
    ],
    { seed: 42, temperature: 0.5 },
  );
  const { reply } = await service.sample({
    logits: [
      [1, 0.5, -1],
      [0, null, 0],
    ],
    seed: 42,
    temperature: 0.5,
  });
  t.same(draw.samples.toNested(), [(reply.samples as number[][]).map((row) => row.map(Math.fround))]);
  t.same(draw.indices.toNested(), [reply.indices]);
  const one = await client.sample([1, 0.5, -1], { seed: 42 });
  t.equal(one.indices.toNested(), 2);
  t.same([one.noiseVersion, one.provider], [reply.noise_version, reply.provider]);
});

t.test('without a seed the client chooses one of 64 bits, which draws the same again', async (t) => {
  const logits = Array.from({ length: 64 }, (_, k) => k / 64);
  const draws = await Promise.all([0, 1, 2, 3].map(() => client.sample(logits)));
  t.equal(new Set(draws.map(({ seed }) => seed)).size, 4);
  t.ok(draws.some(({ seed }) => (seed as bigint) > 2n ** 53n));
  const [first] = draws;
  t.equal(bitsOf((await client.sample(logits, { seed: first.seed as bigint })).samples), bitsOf(first.samples));
});

t.test('a seed is the same as a bigint, a number and a string', async (t) => {
  const of = async (seed: bigint | number | string) => bitsOf((await client.sample([0, 1, 2, 3], { seed })).samples);
  t.equal(await of(42), await of(42n));
  t.equal(await of('42'), await of(42n));
  t.equal(await of('18446744073709551615'), await of(2n ** 64n - 1n));
});

t.test('hard may differ by row', async (t) => {
  const logits = [
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ];
  const soft = await client.sample(logits, { seed: 5 });
  const hard = await client.sample(logits, { seed: 5, hard: true });
  const mixed = await client.sample(logits, { seed: 5, hard: [false, true, false] });
  t.same(
    mixed.samples.toNested(),
    [soft, hard, soft].map(({ samples }, row) => samples.toNested<number[][]>()[row]),
  );
  t.ok((await client.verify(mixed)).ok);
});

t.test('top k without replacement, outputs alone, and plain softmax', async (t) => {
  const logits = [2, 1, 0, null, 1];
  const draw = await client.sample(logits, { seed: 42, topK: 3 });
  t.same(draw.topIndices.toNested(), [2, 0, 1]);
  const alone = await client.sample(logits, { seed: 42, topK: 3, outputs: ['topIndices'] });
  t.notOk('samples' in alone);
  t.same(alone.topIndices.toNested(), [2, 0, 1]);
  const plain = await client.sample([0, 0], { noise: 'none' });
  t.same(plain.samples.toNested(), [0.5, 0.5]);
  t.ok((await client.verify(plain)).ok);
});

t.test('a gradient is that of POST /sample/vjp, from the draw or from its terms', async (t) => {
  const rows = [
    [1, 0.5, -1],
    [0, null, 0],
    [3, 3, 3],
    [0, 1, 2],
  ];
  const temperature = [0.5, 2, 1, 0.25];
  const cotangent = [0, 1].map(() => rows.map((_, row) => [1, row, -1]));
  const body = { logits: rows, temperature, seed: 42, num_samples: 2 };
  const { reply } = await service.post('/sample/vjp', { ...body, cotangent });
  const logits = [
    [rows[0], rows[1]],
    [rows[2], rows[3]],
  ];
  const nested = cotangent.map((sample) => [sample.slice(0, 2), sample.slice(2)]);
  const terms = { temperature, seed: 42, numSamples: 2 };
  const draw = await client.sample(logits, terms);
  for (const gradient of [await client.vjp(draw, nested), await client.vjp(logits, nested, terms)]) {
    t.same(gradient.gradLogits.shape, [2, 2, 3]);
    t.equal(bitsOf(gradient.gradLogits), floats(reply.grad_logits));
    t.same((gradient.gradTemperature as Tensor).shape, [2, 2]);
    t.equal(bitsOf(gradient.gradTemperature as Tensor), floats(reply.grad_temperature));
  }
  const one = await client.vjp(await client.sample([1, 0.5, -1], { temperature: 0.5, seed: 42 }), [1, 0, 0]);
  t.equal(one.gradTemperature, Math.fround(0.2587135));
});

t.test('a draw keeps its logits when their array is changed', async (t) => {
  const logits = Float32Array.of(1, 0.5, -1);
  const draw = await client.sample(logits, { temperature: 0.5, seed: 42 });
  const right = await client.vjp([1, 0.5, -1], [1, 0, 0], { temperature: 0.5, seed: 42 });
  logits.fill(0);
  t.same(await client.vjp(draw, [1, 0, 0]), right);
  t.ok((await client.verify(draw)).ok);
});

t.test('reinmax, which has no gradient of the temperature', async (t) => {
  const draw = await client.sample([1, 0.5, -1], { hard: true, seed: 42 });
  const { gradLogits, gradTemperature } = await client.vjp(draw, [0, 0, 1], { estimator: 'reinmax' });
  const { reply } = await service.post('/sample/vjp', {
    logits: [1, 0.5, -1],
    hard: true,
    seed: 42,
    cotangent: [0, 0, 1],
    estimator: 'reinmax',
  });
  t.equal(bitsOf(gradLogits), floats(reply.grad_logits));
  t.equal(gradTemperature, undefined);
});

t.test('the log-density of a draw is that which the draw has', async (t) => {
  const logits = [
    [
      [1, 0.5, -1],
      [0, null, 0],
    ],
    [
      [3, 3, 3],
      [0, 1, 2],
    ],
  ];
  const temperature = [0.01, 2, 1, 0.25];
  const draw = await client.sample(logits, { temperature, seed: 7, outputs: ['logSamples', 'logProb', 'samples'] });
  const scored = await client.logProb(logits, { logSamples: draw.logSamples }, { temperature });
  t.same(scored.shape, [2, 2]);
  t.equal(bitsOf(scored), bitsOf(draw.logProb));
  const warm = await client.sample([1, 0.5, -1], { temperature: 0.5, seed: 42, outputs: ['samples'] });
  const { reply } = await service.post('/log-prob', {
    logits: [1, 0.5, -1],
    temperature: 0.5,
    samples: warm.samples.toNested(),
  });
  const density = await client.logProb([1, 0.5, -1], { samples: warm.samples }, { temperature: 0.5 });
  t.equal(density.toNested(), reply.log_prob);
  // A positive value at a masked category has density 0.
  const zero = await client.logProb([0, 0, null], { samples: [0.5, 0.25, 0.25] });
  t.equal(zero.toNested(), -Infinity);
});

t.test('the service says who it is', async (t) => {
  const { noiseVersion, provider, version, device } = await client.server();
  t.same([noiseVersion, provider, version], ['philox4x32-10/1', 'cpu', '0.0.0']);
  t.ok(device.length > 0);
});

t.test('any route takes JSON', async (t) => {
  const temperature = { schedule: 'linear', initial: 1, minimum: 0.5, steps: 10, step: 5 };
  const reply = await client.post<{ temperature: number }>('/sample', { logits: [0, 1], temperature, seed: 1 });
  t.equal(reply.temperature, 0.75);
});

t.test('a service below a path is asked there', async (t) => {
  const asked: string[] = [];
  const stub = async (input: unknown) => {
    asked.push(String(input));
    return new Response('{"version":"1","parameters":{}}');
  };
  for (const url of ['http://proxy/models/gumbel', 'http://proxy/models/gumbel/']) {
    await new Client(url, { fetch: stub as typeof fetch }).server();
  }
  t.same(asked, ['http://proxy/models/gumbel/v2', 'http://proxy/models/gumbel/v2']);
});
