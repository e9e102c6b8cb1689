/**
 * What is asked for: request bodies with realistic logits, and whether a reply is right. Logits are normal with standard
 * deviation 2 in float64 with up to 17 digits, spelled and spaced as Python's json module does it, since that is what the
 * callers of such a service send. Seeded, so that every run and every target sees the same bytes.
 */
import assert from 'node:assert/strict';

export interface Shape {
  readonly rows: number;
  readonly categories: number;
}

/** What a request wants back: soft samples and indices (the default), the same one-hot, or indices alone. */
export type Wanted = 'soft' | 'hard' | 'indices';

export interface Case {
  readonly shape: Shape;
  readonly wanted: Wanted;
  readonly body: string;
}

export function shapeName({ rows, categories }: Shape): string {
  return `${rows}x${categories}`;
}

/**
 * Reads `64x1000`.
 *
 * @throws {Error} when the text is anything else
 */
export function parseShape(text: string): Shape {
  const match = /^([1-9]\d{0,6})x([1-9]\d{0,6})$/.exec(text);
  if (!match) throw new Error(`"${text}" is not a shape such as 64x1000`);
  return { rows: Number(match[1]), categories: Number(match[2]) };
}

/** Uniform in [0, 1): mulberry32, which is enough to spell numbers. */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal logits, standard deviation 2, by Box and Muller. */
export function normalLogits(count: number, seed: number): number[] {
  const uniform = uniforms(seed);
  return Array.from(
    { length: count },
    () => 2 * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** A body of POST /sample; `more` is spelled after the logits. */
export function requestBody({ rows, categories }: Shape, more: Record<string, unknown>): string {
  const logits = normalLogits(rows * categories, 42);
  const rowTexts = Array.from(
    { length: rows },
    (_, row) => `[${logits.slice(row * categories, (row + 1) * categories).join(', ')}]`,
  );
  const fields = Object.entries(more).map(([name, value]) => `, "${name}": ${JSON.stringify(value)}`);
  return `{"logits": [${rowTexts.join(', ')}]${fields.join('')}}`;
}

/** The requests that are compared between targets: temperature 0.5 and a fixed seed, so every reply is the same. */
export function makeCase(shape: Shape, wanted: Wanted): Case {
  const more = {
    temperature: 0.5,
    seed: 42,
    ...(wanted === 'hard' ? { hard: true } : {}),
    ...(wanted === 'indices' ? { return: ['indices'] } : {}),
  };
  return { shape, wanted, body: requestBody(shape, more) };
}

/** Asserts that `text` is a right reply of a sampler, so that a fast error or an empty reply is never counted. */
export function assertSampled({ shape, wanted }: Case, text: string): void {
  const reply = JSON.parse(text) as { samples?: number[][]; indices?: number[] };
  const { indices, samples } = reply;
  assert.equal(indices?.length, shape.rows, 'one index a row');
  for (const index of indices) assert(Number.isInteger(index) && index >= 0 && index < shape.categories, 'an index');
  if (wanted === 'indices') {
    assert.equal(samples, undefined, 'samples were not asked for');
    return;
  }
  assert.equal(samples?.length, shape.rows, 'one sample a row');
  for (const sample of samples) {
    assert.equal(sample.length, shape.categories, 'one number a category');
    // A sum of K float32 values of sum 1 is off by at most K * 2^-25, which is 1e-3 at K = 33,000.
    const sum = sample.reduce((total, value) => total + value, 0);
    assert(Math.abs(sum - 1) < 1e-3, `a sample sums to ${sum}`);
    if (wanted === 'hard') assert.equal(Math.max(...sample), 1, 'a hard sample holds a 1');
  }
}

/** Asserts that `text` is what the echo should say: the logits it was sent. */
export function assertEchoed({ body }: Case, text: string): void {
  const sent = JSON.parse(body) as { logits: number[][] };
  assert.deepEqual((JSON.parse(text) as { logits: number[][] }).logits, sent.logits, 'the logits come back');
}
