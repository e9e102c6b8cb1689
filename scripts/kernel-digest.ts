/**
 * Prints the SHA-256 of what the WebAssembly kernels compute, a line each: the same on every machine.
 * `npm run verify:arm64` compares them between processors. Needs neither onnxruntime-node nor any other package, so
 * that it runs on a bare Node.js.
 */
import { createHash, type Hash } from 'node:crypto';
import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import type { NoiseKernel } from '../src/sampler/noise/noise.js';
import { blockElementsMax, RowKernel } from '../src/sampler/row-kernel/row-kernel.js';

/**
 * Rows and categories: short draws that share groups, a vocabulary, and what fills no vector. 2 million values in all.
 */
const shapes = [
  [64, 1],
  [64, 3],
  [500, 10],
  [200, 64],
  [200, 1000],
  [30, 50_257],
  [1, 300_001],
] as const;

const names = [
  'noise',
  'perturbed logits',
  'indices',
  'hard samples',
  'top_indices',
  'log_samples',
  'log_prob',
] as const;
type Name = (typeof names)[number];

const hashes = new Map<Name, Hash>(names.map((name) => [name, createHash('sha256')]));

function add(name: Name, values: Float32Array | Float64Array | Int32Array): void {
  hashes.get(name)?.update(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
}

/** Integers over a power of two, so that no library function takes part: ordinary logits, far ones and masks. */
function logitOf(element: number): number {
  const spread = ((element * 2_654_435_761) % 4096) / 256 - 8;
  if (element % 97 === 5) return Number.NEGATIVE_INFINITY;
  return element % 89 === 3 ? spread * 2 ** 30 : spread;
}

function addShape(kernel: NoiseKernel, rowKernel: RowKernel, rows: number, categories: number): void {
  const elements = rows * categories;
  const logits = Float32Array.from({ length: elements }, (_, element) => logitOf(element));
  for (let row = 0; row < rows; row++) {
    if (!logits.subarray(row * categories, (row + 1) * categories).some(Number.isFinite)) logits[row * categories] = 0;
    kernel.streams.set([42 + row, 7, row % 5], 3 * row);
  }
  kernel.fillDraws(0, rows, categories, rows, 3);
  const noise = kernel.noise.slice(0, elements);
  kernel.logits.set(logits);
  kernel.perturb(0, rows, categories, rows);
  kernel.argmax(0, rows, categories);
  const hard = new Float32Array(elements);
  for (let row = 0; row < rows; row++) hard[row * categories + kernel.indices[row]] = 1;
  add('noise', noise);
  add('perturbed logits', kernel.perturbed.slice(0, elements));
  add('indices', kernel.indices.slice(0, rows));
  add('hard samples', hard);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * categories, (row + 1) * categories];
    addRow(rowKernel, logits.subarray(from, to), noise.subarray(from, to), 0.25 * (1 + (row % 9)));
  }
}

function addRow(kernel: RowKernel, logits: Float32Array, noise: Float32Array, temperature: number): void {
  const categories = logits.length;
  kernel.reserve(categories, true);
  kernel.logits.set(logits);
  kernel.noise.set(noise);
  kernel.temperature[0] = temperature;
  const k = Math.min(200, logits.filter((logit) => logit > Number.NEGATIVE_INFINITY).length);
  kernel.drawTopIndices(1, categories, 1, k);
  add('top_indices', kernel.topIndices.slice(0, k));
  kernel.drawLogs(1, categories, 1, true);
  add('log_samples', kernel.logSamples.slice(0, categories));
  add('log_prob', kernel.logProb.slice(0, 1));
}

const kernel = createNoiseKernel(Math.max(blockElementsMax, ...shapes.map(([rows, categories]) => rows * categories)));
const rowKernel = new RowKernel();
for (const [rows, categories] of shapes) addShape(kernel, rowKernel, rows, categories);
for (const [name, hash] of hashes) console.log(`${hash.digest('hex')}  ${name}`);
