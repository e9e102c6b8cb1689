/** Large calls of the TypeScript client go in parts, and are put together bit for bit. */
import { Client } from '@gumbel-sampler/client';
import { loadNoise } from '@gumbel-sampler/client/noise';
import t from 'tap';
import { serve } from './served.js';

const whole = await serve();
/** Everything above a few rows, samples or numbers is refused. */
const narrow = await serve({
  ROWS_MAX: '5',
  SAMPLES_MAX: '3',
  BINARY_ELEMENTS_RETURNED_MAX: '40',
  BINARY_BODY_BYTES_MAX: '1024',
  JSON_BODY_BYTES_MAX: '1024',
});
t.teardown(async () => {
  await whole.close();
  await narrow.close();
});

const rows = 13;
const logits = Array.from({ length: rows }, (_, row) =>
  Array.from({ length: 4 }, (_, k) => ((row * 5 + k * 3) % 7) - 2),
);
const seeds = logits.map((_, row) => 2n ** 63n + BigInt(row));
const temperature = logits.map((_, row) => 0.5 + row / 8);

t.test('limits that the client does not know: parts are halved until the service takes them', async (t) => {
  const outputs = ['samples', 'indices', 'noise', 'logProb'] as const;
  for (const terms of [
    { seed: 42 },
    { seed: 42, numSamples: 7 },
    { seed: 42, numSamples: 7, rowOffset: 2 ** 32 - 13, sampleOffset: 2 ** 32 - 7, temperature },
    { seed: seeds, numSamples: 7, sampleOffset: 5, hard: true },
    { seed: seeds, temperature },
  ]) {
    const expected = await whole.client.sample(logits, { ...terms, outputs });
    const { samples, indices, noise, logProb, ...rest } = await narrow.client.sample(logits, { ...terms, outputs });
    t.same(samples, expected.samples);
    t.same(indices, expected.indices);
    t.same(noise, expected.noise);
    t.same(logProb, expected.logProb);
    const { samples: _samples, indices: _indices, noise: _noise, logProb: _logProb, ...expectedRest } = expected;
    t.same(rest, expectedRest);
  }
});

t.test('gradients and densities in parts', async (t) => {
  const terms = { seed: 42, numSamples: 3, temperature };
  const draw = await narrow.client.sample(logits, terms);
  const cotangent = draw.samples;
  t.same(await narrow.client.vjp(draw, cotangent), await whole.client.vjp(draw, cotangent));
  // float32 rounds each part's sum: three parts err by at most three halves of an ulp of the largest.
  const warm = await narrow.client.sample(logits, { seed: 1, numSamples: 3 });
  const [own, right] = [await narrow.client.vjp(warm, cotangent), await whole.client.vjp(warm, cotangent)];
  t.same(own.gradLogits, right.gradLogits);
  t.ok(Math.abs((own.gradTemperature as number) - (right.gradTemperature as number)) < 1e-5);
  const { samples } = await whole.client.sample(logits, { seed: 42, temperature, outputs: ['samples'] });
  t.same(
    await narrow.client.logProb(logits, { samples }, { temperature }),
    await whole.client.logProb(logits, { samples }, { temperature }),
  );
});

t.test('a draw above what the client sends at a time', async (t) => {
  let requests = 0;
  const counting = ((...args: Parameters<typeof fetch>) => {
    requests += 1;
    return fetch(...args);
  }) as typeof fetch;
  const client = new Client(whole.url, { fetch: counting });
  const shape = [150, 200, 60];
  const data = Float32Array.from({ length: 150 * 200 * 60 }, (_, at) => (at % 17) / 4);
  const draw = await client.sample(data, { shape, seed: 9, numSamples: 3, outputs: ['noise', 'indices'] });
  // 5.5 million numbers, where a request has 4.2 million at most.
  t.equal(requests, 2);
  const replay = (await loadNoise()).replay(data, { shape, seed: 9, numSamples: 3 });
  t.equal(Buffer.compare(Buffer.from(draw.noise.data.buffer), Buffer.from(replay.noise.data.buffer)), 0);
  t.equal(Buffer.compare(Buffer.from(draw.indices.data.buffer), Buffer.from(replay.indices.data.buffer)), 0);
});

t.test('an error of a part says which part it was; what cannot be halved is refused', async (t) => {
  const wrong = logits.map((row, at) => (at === 12 ? [Number.NaN, 0, 0, 0] : row));
  await t.rejects(narrow.client.sample(wrong, { seed: 1 }), {
    code: 'non-finite-logits',
    message: /in the part with rows \d+ to 12, samples 0 to 0\)$/,
  });
  const row = Array.from({ length: 60 }, () => 0);
  await t.rejects(narrow.client.sample(row, { seed: 1 }), { code: 'too-many-elements', message: /^[^(]*$/ });
});

t.test('parts of two noise versions are no draw', async (t) => {
  let requests = 0;
  const mixing = (async (...args: Parameters<typeof fetch>) => {
    const response = await fetch(...args);
    if (!response.ok || requests++ === 0) return response;
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = Buffer.from(bytes).toString('latin1').replace('philox4x32-10/1', 'philox4x32-10/2');
    return new Response(Buffer.from(text, 'latin1'), { headers: response.headers });
  }) as typeof fetch;
  const client = new Client(narrow.url, { fetch: mixing });
  await t.rejects(client.sample(logits, { seed: 1 }), { code: 'noise-version-changed', remedy: /one version/ });
});
