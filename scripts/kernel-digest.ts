/**
 * Prints the SHA-256 of what the WebAssembly kernels compute, a line each: the same on every machine.
 * `npm run verify:arm64` compares them between processors. Needs neither onnxruntime-node nor any other package, so
 * that it runs on a bare Node.js.
 */
import { createHash, type Hash } from 'node:crypto';
import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import type { NoiseKernel } from '../src/sampler/noise/noise.js';
import { RaoKernel } from '../src/sampler/row-kernel/rao-kernel.js';
import { blockElementsMax, RowKernel } from '../src/sampler/row-kernel/row-kernel.js';
import { IndexLogProb } from '../src/sampler/worker/index-log-prob.js';

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
  'indices by search',
  'hard samples',
  'top_indices',
  'log_samples',
  'log_prob',
  'index_log_prob',
  'top_scores',
  'top_threshold',
  'top_log_prob',
  'given indices',
  'gumbel_rao',
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
  const indices = kernel.indices.slice(0, rows);
  kernel.logits.set(logits);
  kernel.searchIndices(0, rows, categories, rows, 3);
  add('indices by search', kernel.indices.slice(0, rows));
  kernel.fillDraws(0, rows, categories, rows, 3, 2);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * categories, (row + 1) * categories];
    const [own, temperature] = [logits.subarray(from, to), 0.25 * (1 + (row % 9))];
    addRow(rowKernel, own, noise.subarray(from, to), temperature);
    const inner = kernel.noise.subarray(from, to);
    addGiven(rowKernel, own, inner, indices[row]);
    addRao(own, inner, indices[row], temperature);
  }
}

function addGiven(kernel: RowKernel, logits: Float32Array, noise: Float32Array, index: number): void {
  const categories = logits.length;
  kernel.logits.set(logits);
  kernel.noise.set(noise);
  kernel.given[0] = index;
  kernel.condition(1, categories, 1);
  add('given indices', kernel.conditioned.slice(0, categories));
  add('given indices', kernel.conditionedNoise.slice(0, categories));
}

function addRao(logits: Float32Array, noise: Float32Array, index: number, temperature: number): void {
  const categories = logits.length;
  raoKernel.reserve(categories);
  raoKernel.logits.set(logits);
  raoKernel.noise.set(noise);
  raoKernel.cotangents.set(logits.map((_, k) => (k % 17) - 8));
  raoKernel.indices[0] = index;
  raoKernel.temperature[0] = temperature;
  raoKernel.begin(1, categories, 1);
  raoKernel.add(1, categories, 1);
  raoKernel.finish(1, categories, 1, 1);
  add('gumbel_rao', raoKernel.gradLogits.slice(0, categories));
}

function addRow(kernel: RowKernel, logits: Float32Array, noise: Float32Array, temperature: number): void {
  const categories = logits.length;
  kernel.reserve(categories, true);
  kernel.logits.set(logits);
  kernel.noise.set(noise);
  kernel.temperature[0] = temperature;
  const k = Math.min(200, logits.filter((logit) => logit > Number.NEGATIVE_INFINITY).length);
  kernel.drawTop(1, categories, 1, k, { scores: true, threshold: true, logProb: true });
  add('top_indices', kernel.topIndices.slice(0, k));
  add('top_scores', kernel.topScores.slice(0, k));
  add('top_threshold', kernel.topThreshold.slice(0, 1));
  add('top_log_prob', kernel.topLogProb.slice(0, 1));
  const indexLogProbs = new Float64Array(1);
  indexLogProb.write(logits, 1, kernel.topIndices.slice(0, 1), indexLogProbs);
  add('index_log_prob', indexLogProbs);
  kernel.drawLogs(1, categories, 1, true);
  add('log_samples', kernel.logSamples.slice(0, categories));
  add('log_prob', kernel.logProb.slice(0, 1));
}

const kernel = createNoiseKernel(Math.max(blockElementsMax, ...shapes.map(([rows, categories]) => rows * categories)));
const rowKernel = new RowKernel();
const indexLogProb = new IndexLogProb();
const raoKernel = new RaoKernel();
for (const [rows, categories] of shapes) addShape(kernel, rowKernel, rows, categories);
for (const [name, hash] of hashes) console.log(`${hash.digest('hex')}  ${name}`);
