/**
 * The cost model. Batches, the queue, quotas, limits and admission all count in its unit. One unit is one element of
 * Gumbel noise in long rows, added to its logit and compared, about `nanosecondsPerUnit` of a worker's time. The model
 * is linear: each kind of work has a weight for each draw and a weight for each element. `npm run bench:cost` measures
 * the weights, prints them in the form below, and prints their errors.
 *
 * The weights are those of the CPU, also for a GPU. A GPU computes only the exponentials of soft samples, and its
 * copies cost a little more (docs/providers.md). The rate that queue/work-rate.ts learns from batches corrects for it.
 */
import { isSearched } from './index-search.js';
import { drawsForward, drawsNoise, type Job, type Part, type SampleJob } from './job.js';
import { type OutputName, outputNames, outputs, type Work } from './outputs.js';

/** Units for each draw, and for each element of a draw. */
type Weight = readonly [draw: number, element: number];

export interface Weights {
  /** Units of each part of a job, of any size, for packing it into a batch. */
  readonly job: number;
  /** Gumbel noise. noneNoise: zeros in place of noise. */
  readonly noise: Weight;
  readonly noneNoise: Weight;
  /** Perturbed logits and their argmax. */
  readonly index: Weight;
  /** In place of noise and index where only the index is needed. */
  readonly search: Weight;
  /** The graph of soft samples. */
  readonly soft: Weight;
  readonly hard: Weight;
  /** Copying the noise to the result. */
  readonly noiseCopy: Weight;
  /** Work that logSamples, logProb and topK share; done once for all three. */
  readonly rowOutput: Weight;
  readonly logSamples: Weight;
  readonly logProb: Weight;
  readonly topK: Weight;
  /** Units for each of the k categories of top_k, and for each times log2 k. */
  readonly topKKept: Weight;
  /** The log-probability of the index. The elements are those of its row's log-sum, which samples share. */
  readonly normalizer: Weight;
  /** Units of each of the k scores of top_k. */
  readonly topScores: Weight;
  /** The log-probability of an order without replacement: the categories that are left out, and each of the k. */
  readonly order: Weight;
  readonly orderKept: Weight;
  readonly vjp: Weight;
  readonly reinmax: Weight;
  /** Perturbed logits given their index, beside the noise. */
  readonly conditioned: Weight;
  /** Each inner draw of Gumbel-Rao, beside its noise. */
  readonly gumbelRao: Weight;
  readonly densityOfSamples: Weight;
  readonly densityOfLogSamples: Weight;
  /** The elements as in `normalizer`. */
  readonly logProbOfIndices: Weight;
  /** Beside `orderKept`. */
  readonly logProbOfTopIndices: Weight;
}

/**
 * Nanoseconds of a worker for each unit, on the machine of `npm run bench:cost`. The prior of the rate that
 * queue/work-rate.ts learns.
 */
export const nanosecondsPerUnit = 3.15;

export const weights: Weights = {
  job: 213,
  noise: [2.72, 0.849],
  noneNoise: [0, 0],
  index: [2.55, 0.146],
  search: [45, 0.46],
  soft: [2.36, 0.448],
  hard: [1.78, 0],
  noiseCopy: [0.0098, 0.0559],
  rowOutput: [0, 1.29],
  logSamples: [13.3, 1.21],
  logProb: [7.92, 2.44],
  topK: [0, 0.0347],
  topKKept: [1.17, 0.154],
  normalizer: [10, 1.54],
  topScores: [1.5, 0.35],
  order: [8, 0.9],
  orderKept: [0, 6.6],
  vjp: [6.57, 1.4],
  reinmax: [7.38, 1.94],
  conditioned: [16, 5.8],
  gumbelRao: [8, 6.6],
  densityOfSamples: [22.7, 3.55],
  densityOfLogSamples: [19.5, 2.45],
  logProbOfIndices: [10, 1.54],
  logProbOfTopIndices: [20, 1.55],
};

/** Units of one draw of a job (one sample of one row). A whole number, so that sums are exact. */
export function unitsPerDrawOf(job: Job): number {
  return Math.max(1, Math.ceil(weightedDraw(job, weights)));
}

/** The same for any weights, not rounded. Linear in the weights. */
export function weightedDraw(job: Job, of: Weights): number {
  const { categories } = job;
  if (job.kind === 'logProbOfIndices') return units(of.logProbOfIndices, categories / sharing(job));
  if (job.kind === 'logProbOfTopIndices') return units(of[job.kind], categories) + units(of.orderKept, job.topK);
  if (!drawsNoise(job)) return units(of[job.kind], categories);
  const noise = units(job.gumbel ? of.noise : of.noneNoise, categories);
  if (drawsForward(job)) {
    if (isSearched(job, job.outputs)) return units(of.search, categories) + outputUnits(job, of, bitOf.index);
    const condition = job.kind === 'conditioned' ? units(of.conditioned, categories) : 0;
    return noise + condition + outputUnits(job, of);
  }
  const kindUnits = units(of[job.kind], categories);
  if (job.kind !== 'gumbelRao') return noise + kindUnits;
  return noise + units(of.index, categories) + job.raoSamples * (noise + kindUnits);
}

/** Samples of a row for which its log-sum is worked out once: at least those within a tile. */
function sharing({ rows, categories, samples }: Job): number {
  return Math.min(samples, Math.max(1, Math.floor(2 ** 16 / (rows * categories))));
}

/** Units of the work for all outputs of one draw but `done`. Work that several outputs share counts once. */
function outputUnits(job: SampleJob, of: Weights, done = 0): number {
  let bits = 0;
  // topIndices of k = 1 is the index of the draw.
  for (const name of job.outputs) bits |= workBits[name === 'topIndices' && job.topK < 2 ? 'indices' : name];
  bits &= ~done;
  let sum = 0;
  for (const work of works) if ((bits & bitOf[work]) !== 0) sum += workUnits(work, job, of);
  return sum;
}

/** A bit for each work. */
const bitOf: Readonly<Record<Work, number>> = {
  rowOutput: 1,
  logSamples: 2,
  logProb: 4,
  topK: 8,
  index: 16,
  soft: 32,
  noiseCopy: 64,
  normalizer: 128,
  topScores: 256,
  order: 512,
};
const works = Object.keys(bitOf) as readonly Work[];

/** The works of each output. */
const workBits = Object.fromEntries(
  outputNames.map((name) => [name, outputs[name].work.reduce((bits, work) => bits | bitOf[work], 0)]),
) as Readonly<Record<OutputName, number>>;

function workUnits(work: Work, job: SampleJob, of: Weights): number {
  const { categories, hard, topK } = job;
  if (work === 'topK') return units(of.topK, categories) + topK * units(of.topKKept, Math.log2(topK));
  if (work === 'normalizer') return units(of.normalizer, categories / sharing(job));
  if (work === 'topScores') return units(of.topScores, topK);
  if (work === 'order') return units(of.order, categories) + units(of.orderKept, topK);
  return units(of[work === 'soft' && hard ? 'hard' : work], categories);
}

function units([draw, element]: Weight, elements: number): number {
  return draw + element * elements;
}

/** Units of `draws` draws of one job in one batch. 0 for no draws. */
export function unitsOfDraws(draws: number, unitsPerDraw: number): number {
  return draws === 0 ? 0 : weights.job + draws * unitsPerDraw;
}

/** The number of draws of one job that fit into `units`. At least 1, since a row cannot be cut. */
export function drawsWithin(units: number, unitsPerDraw: number): number {
  return Math.max(1, Math.floor((units - weights.job) / unitsPerDraw));
}

/** Units of a whole job. */
export function jobUnits(job: Job): number {
  return unitsOfDraws(job.samples * job.rows, unitsPerDrawOf(job));
}

/** Units of a part of a job. */
export function partUnits({ job, rowCount, sampleCount }: Part): number {
  return unitsOfDraws(rowCount * sampleCount, unitsPerDrawOf(job));
}
