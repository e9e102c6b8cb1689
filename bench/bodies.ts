/**
 * What is asked for: request bodies with realistic logits, and whether a reply is right. Logits are normal with
 * standard deviation 2 in float64 with up to 17 digits, spelled and spaced as Python's json module does it, since that
 * is what the callers of such a service send. They come from a fixed seed: every run and every target sees the same.
 */
import assert from 'node:assert/strict';

export interface Shape {
  readonly rows: number;
  readonly categories: number;
}

/**
 * What a request wants back: soft samples and indices (the default), the same one-hot, indices alone, or the first in
 * binary tensors.
 */
export type Wanted = 'soft' | 'hard' | 'indices' | 'binary';

/** What goes over the wire. */
export interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface Case extends Sent {
  readonly shape: Shape;
  readonly wanted: Wanted;
  /** num_samples; undefined where it is left out. */
  readonly samples: number | undefined;
}

/** What is asked for, and over how many connections at once. */
export interface Request {
  readonly sent: Case;
  readonly connections: number;
}

/**
 * Connections for bodies of megabytes. 32 bodies of 6.4 MB and as large replies are more than BODY_BYTES_IN_FLIGHT_MAX,
 * and 32 draws of 1.6 million elements are more than QUEUE_ELEMENTS_MAX.
 */
export const fewConnections = 8;

/** The seed of every body. The client replaces it by another of as many digits, in each request. */
export const firstSeed = 1_000_000;

/** A POST of JSON. */
export function jsonPost(path: string, body: string): Sent {
  return { path, headers: { 'content-type': 'application/json' }, body };
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

/** Reads `64x1000`, or `1x1000x300` for 300 samples of each row. @throws {Error} when the text is anything else */
export function parseSamples(text: string): { readonly shape: Shape; readonly samples: number | undefined } {
  const [, shape = text, samples] = /^(\d+x\d+)x([1-9]\d{0,6})$/.exec(text) ?? [];
  return { shape: parseShape(shape), samples: samples === undefined ? undefined : Number(samples) };
}

/** `1x1000x300 indices` for a request with num_samples 300. */
export function requestName({ shape, samples, wanted }: Case): string {
  return `${shapeName(shape)}${samples === undefined ? '' : `x${samples}`} ${wanted}`;
}

/**
 * Reads `64x1000 soft`, `1x1000x300 indices` with num_samples 300, or `1x10 soft@1` over one connection. Without a
 * number binary tensors have `fewConnections`.
 *
 * @throws {Error} when the text is anything else
 */
export function parseRequest(text: string, connections: number): Request {
  const match = /^([\dx]+) (soft|hard|indices|binary)(?:@([1-9]\d{0,3}))?$/.exec(text.trim());
  if (!match) throw new Error(`"${text}" is not a request such as 64x1000 soft`);
  const [, shapeText, wanted, count] = match;
  const { shape, samples } = parseSamples(shapeText);
  const sent = makeCase(shape, wanted as Wanted, samples);
  return { sent, connections: Number(count ?? (wanted === 'binary' ? fewConnections : connections)) };
}

/** Uniform in [0, 1): mulberry32, which is enough to spell numbers and to choose among things. */
export function uniforms(seed: number): () => number {
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

/** A request that is compared between targets: temperature 0.5, and the first seed. */
export function makeCase(shape: Shape, wanted: Wanted, samples?: number): Case {
  if (wanted === 'binary') return { shape, wanted, samples, ...binaryPost(shape) };
  const more = {
    temperature: 0.5,
    seed: firstSeed,
    ...(samples === undefined ? {} : { num_samples: samples }),
    ...(wanted === 'hard' ? { hard: true } : {}),
    ...(wanted === 'indices' ? { return: ['indices'] } : {}),
  };
  return { shape, wanted, samples, ...jsonPost('/sample', requestBody(shape, more)) };
}

/** The same draw by the Open Inference Protocol, logits and outputs as bytes. */
function binaryPost({ rows, categories }: Shape): Sent {
  const tensor = Buffer.from(Float32Array.from(normalLogits(rows * categories, 42)).buffer);
  const parameters = { binary_data_size: tensor.length };
  const json = JSON.stringify({
    parameters: { temperature: 0.5, seed: firstSeed, binary_data_output: true },
    inputs: [{ name: 'logits', shape: [rows, categories], datatype: 'FP32', parameters }],
  });
  return {
    path: '/v2/models/gumbel_softmax/infer',
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([Buffer.from(json), tensor]),
  };
}

/** Asserts that `reply` is a right reply of a sampler, so that a fast error or an empty reply is never counted. */
export function assertSampled(sent: Case, reply: Buffer): void {
  const { shape, wanted, samples: count } = sent;
  const read = wanted === 'binary' ? readTensors(shape, reply) : JSON.parse(reply.toString());
  if (wanted === 'indices') assert.equal(read.samples, undefined, 'samples were not asked for');
  if (count === undefined) assertRows(sent, read.indices, read.samples);
  else {
    assert.equal(read.indices?.length, count, 'one list of indices a sample');
    for (let at = 0; at < count; at++) assertRows(sent, read.indices[at], read.samples?.[at]);
  }
}

/** The same for one sample of each row. */
function assertRows({ shape, wanted }: Case, indices: readonly number[], samples: readonly number[][]): void {
  assert.equal(indices?.length, shape.rows, 'one index a row');
  for (const index of indices) assert(Number.isInteger(index) && index >= 0 && index < shape.categories, 'an index');
  if (wanted === 'indices') return;
  assert.equal(samples?.length, shape.rows, 'one sample a row');
  for (const sample of samples) {
    assert.equal(sample.length, shape.categories, 'one number a category');
    // A sum of K float32 values of sum 1 is off by at most K * 2^-25, which is 1e-3 at K = 33,000 and 1.5e-3 at 50,257.
    const sum = sample.reduce((total: number, value: number) => total + value, 0);
    assert(Math.abs(sum - 1) < 2e-3, `a sample sums to ${sum}`);
    if (wanted === 'hard') assert.equal(Math.max(...sample), 1, 'a hard sample holds a 1');
  }
}

/** The tensors at the end of a binary reply: samples, then indices. */
function readTensors({ rows, categories }: Shape, reply: Buffer): { samples: number[][]; indices: number[] } {
  const indicesAt = reply.length - 8 * rows;
  const samplesAt = indicesAt - 4 * rows * categories;
  assert(samplesAt > 0, 'the reply holds both tensors');
  const row = (at: number) =>
    Array.from({ length: categories }, (_, k) => reply.readFloatLE(samplesAt + 4 * (at * categories + k)));
  return {
    samples: Array.from({ length: rows }, (_, at) => row(at)),
    indices: Array.from({ length: rows }, (_, at) => Number(reply.readBigInt64LE(indicesAt + 8 * at))),
  };
}

/** Asserts that `reply` is what the echo should say: the logits it was sent, or in binary its whole body. */
export function assertEchoed({ wanted, body }: Case, reply: Buffer): void {
  if (wanted === 'binary') {
    assert(reply.equals(body as Buffer), 'the bytes come back');
    return;
  }
  const sent = JSON.parse(body.toString()) as { logits: number[][] };
  assert.deepEqual(
    (JSON.parse(reply.toString()) as { logits: number[][] }).logits,
    sent.logits,
    'the logits come back',
  );
}
