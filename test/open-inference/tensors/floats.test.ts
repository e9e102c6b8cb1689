/** Binary floats to float32: exact, wherever the bytes lie. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { chunksOf } from '../../../src/open-inference/tensors/bytes.js';
import { floatsOf } from '../../../src/open-inference/tensors/floats.js';

/** The same bytes at an odd place of a larger buffer. */
function unaligned(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  return larger.subarray(3);
}

t.test('all 65,536 half-precision numbers become what NumPy makes of them', async (t) => {
  const halves = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const floats = await floatsOf(new Uint8Array(halves.buffer), 'FP16');
  const bits = new Uint32Array(floats.buffer).map((word, at) => (Number.isNaN(floats[at]) ? 0x7fc00000 : word));
  // sha256 of numpy.arange(65536, dtype=uint16).view(float16).astype(float32), every NaN as 0x7fc00000; NumPy 2.4.6.
  t.equal(
    createHash('sha256').update(new Uint8Array(bits.buffer)).digest('hex'),
    '385ff5fe69182797cda5f1827e20cf423f4416bc9246f27d0eec27cac9039259',
  );
});

t.test('all 65,536 BF16 numbers are the float32 numbers with their bits and 16 zeros', async (t) => {
  const numbers = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  for (const bytes of [new Uint8Array(numbers.buffer), unaligned(new Uint8Array(numbers.buffer))]) {
    const floats = await floatsOf(bytes, 'BF16');
    // The words, since a NaN has many patterns.
    t.same(
      new Uint32Array(floats.buffer),
      Uint32Array.from(numbers, (bits) => bits * 2 ** 16),
    );
  }
  // By their definition: 8 bits of exponent with bias 127, 7 of fraction.
  const floats = await floatsOf(new Uint8Array(numbers.buffer), 'BF16');
  const wrong = [...numbers].findIndex((bits) => {
    const exponent = (bits >> 7) & 0xff;
    const fraction = bits & 0x7f;
    const sign = bits >> 15 ? -1 : 1;
    if (exponent === 0xff) return !Object.is(floats[bits], fraction ? Number.NaN : sign * Infinity);
    const scaled = exponent === 0 ? (fraction / 128) * 2 ** -126 : (1 + fraction / 128) * 2 ** (exponent - 127);
    return !Object.is(floats[bits], sign * scaled);
  });
  t.equal(wrong, -1);
});

t.test('FP32 is a view on aligned bytes, and the same numbers from any other place', async (t) => {
  const values = Float32Array.of(0, -0, 1e-45, 3.4028235e38, -Infinity, Infinity, Number.NaN, Math.PI);
  const bytes = new Uint8Array(values.buffer);
  const floats = await floatsOf(bytes, 'FP32');
  t.equal(floats.buffer, values.buffer, 'no copy');
  t.same(await floatsOf(unaligned(bytes), 'FP32'), values);
});

t.test('FP64 rounds as Math.fround does, and never becomes a mask by overflow', async (t) => {
  const property = fc.asyncProperty(fc.array(fc.double()), async (values) => {
    const bytes = new Uint8Array(Float64Array.from(values).buffer);
    const floats = await floatsOf(unaligned(bytes), 'FP64');
    return values.every((value, at) => {
      const rounded = Math.fround(value);
      const overflows = Number.isFinite(value) && !Number.isFinite(rounded);
      return Object.is(floats[at], overflows ? Infinity : rounded);
    });
  });
  await fc.assert(property, { seed: 20_261_125, numRuns: 300 });
  t.same(
    [...(await floatsOf(new Uint8Array(Float64Array.of(-1e300, -Infinity, 1e39).buffer), 'FP64'))],
    [Infinity, -Infinity, Infinity],
  );
});

t.test('tensors larger than a slice are converted whole', async (t) => {
  const count = 2 ** 18 + 5;
  const doubles = Float64Array.from({ length: count }, (_, at) => at / 3);
  t.same(await floatsOf(new Uint8Array(doubles.buffer), 'FP64'), Float32Array.from(doubles));
});

t.test('outputs become their bytes, indices widened to 64 bits, in as many chunks as it takes', async (t) => {
  const indices = Int32Array.from({ length: 2 ** 17 + 3 }, (_, at) => (at * 7) % 50_257);
  const chunks = [...chunksOf(indices)];
  t.equal(chunks.length, 2);
  t.ok(Buffer.concat(chunks).equals(Buffer.from(BigInt64Array.from(indices, BigInt).buffer)));
  const floats = Float32Array.from({ length: 2 ** 18 + 1 }, (_, at) => at).subarray(1);
  t.ok(Buffer.concat([...chunksOf(floats)]).equals(Buffer.from(floats.slice().buffer)));
  t.same([...chunksOf(new Float64Array(0))], []);
});
