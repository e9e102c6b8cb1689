/**
 * Inputs for the tests of the graphs: the same numbers for the same seed. What is expected of the graphs is left to the
 * tests.
 */

/** Widths around the vector lengths of the kernels (4, 8, 16 lanes and multiples), and a vocabulary. */
export const WIDTHS = [1, 2, 3, 7, 10, 16, 17, 50, 1000, 1024, 1025, 50257];

/** Uniform in (0, 1): mulberry32, a 32-bit generator of good enough quality to make test inputs. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (((x ^ (x >>> 14)) >>> 0) + 0.5) * 2 ** -32;
  };
}

export function gumbelNoise(length: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length }, () => -Math.log(-Math.log(next())));
}

/** Logits of moderate size, of which a tenth is masked in every other row; the first category of a row never is. */
export function testLogits(rows: number, categories: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: rows * categories }, (_, element) => {
    const logit = 12 * (next() - 0.5);
    const masked = next() < 0.1 && element % categories > 0 && Math.floor(element / categories) % 2 === 1;
    return masked ? -Infinity : logit;
  });
}

/** Cotangents of moderate size and both signs. */
export function testCotangent(length: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length }, () => 4 * (next() - 0.5));
}

/** Log-uniform within the legal 1e-6 .. 1e6. */
export function testTemperatures(rows: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: rows }, () => 10 ** (12 * next() - 6));
}

/** The bytes of an array, to compare results bit for bit. */
export const bits = (values: Float32Array | Float64Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);
