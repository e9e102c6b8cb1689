/**
 * What drawing costs: the one measure that batches, the queue, quotas, limits and admission share. One unit is one
 * element of an index draw of long rows, about `nanosecondsPerUnit` of a worker. The model is linear: every piece of
 * work has a weight for a draw and one for each of its elements. `npm run bench:cost` measures the weights, prints them
 * for pasting here, and says how far off they are.
 *
 * A GPU computes only the exponentials of soft samples, and its copies cost a little more than the CPU's
 * (docs/providers.md): the weights are those of the CPU, and the rate that is learnt from real batches
 * (queue/work-rate.ts) corrects the rest.
 */
import { drawsNoise, type Job, type Part, type SampleJob } from './job.js';
import { type OutputName, outputNames, outputs, type Work } from './outputs.js';

/** Units for each draw, and for each element of it. */
type Weight = readonly [draw: number, element: number];

export interface Weights {
  /** Units of each job whatever its size, to lay it out in a batch; none for a job without a draw. */
  readonly job: number;
  /** Gumbel noise; noneNoise is its place filled with zeros. */
  readonly noise: Weight;
  readonly noneNoise: Weight;
  /** Perturbed logits and their argmax. */
  readonly index: Weight;
  /** The graph of soft samples. */
  readonly soft: Weight;
  readonly hard: Weight;
  /** Noise that is returned. */
  readonly noiseCopy: Weight;
  /** What a row needs for any of the three below. */
  readonly rowOutput: Weight;
  readonly logSamples: Weight;
  readonly logProb: Weight;
  readonly topK: Weight;
  /** Each of the k categories of top_k, and each times log2 k. */
  readonly topKKept: Weight;
  readonly vjp: Weight;
  readonly reinmax: Weight;
  readonly densityOfSamples: Weight;
  readonly densityOfLogSamples: Weight;
}

/**
 * A worker's nanoseconds for a unit, on the machine that `npm run bench:cost` was run on; where the learning of the
 * rate begins.
 */
export const nanosecondsPerUnit = 3.15;

export const weights: Weights = {
  job: 213,
  noise: [2.72, 0.849],
  noneNoise: [0, 0],
  index: [2.55, 0.146],
  soft: [2.36, 0.448],
  hard: [1.78, 0],
  noiseCopy: [0.0098, 0.0559],
  rowOutput: [0, 1.29],
  logSamples: [13.3, 1.21],
  logProb: [7.92, 2.44],
  topK: [0, 0.0347],
  topKKept: [1.17, 0.154],
  vjp: [6.57, 1.4],
  reinmax: [7.38, 1.94],
  densityOfSamples: [22.7, 3.55],
  densityOfLogSamples: [19.5, 2.45],
};

/** Units of one draw of a job, one sample of one row: a whole number, so that sums of them are exact. */
export function drawUnits(job: Job): number {
  return Math.max(1, Math.ceil(weightedDraw(job, weights)));
}

/** The same for any weights, in which it is linear, and not rounded. */
export function weightedDraw(job: Job, of: Weights): number {
  const { categories } = job;
  if (!drawsNoise(job)) return units(of[job.kind], categories);
  const noise = units(job.gumbel ? of.noise : of.noneNoise, categories);
  return noise + (job.kind === 'draw' ? outputUnits(job, of) : units(of[job.kind], categories));
}

/** The work for the outputs of a draw. */
function outputUnits(job: SampleJob, of: Weights): number {
  let bits = 0;
  // The first of the top k is the index.
  for (const name of job.outputs) bits |= workBits[name === 'topIndices' && job.topK < 2 ? 'indices' : name];
  let sum = 0;
  for (const [bit, work] of works.entries()) if ((bits & (1 << bit)) !== 0) sum += workUnits(work, job, of);
  return sum;
}

const works: readonly Work[] = ['rowOutput', 'logSamples', 'logProb', 'topK', 'index', 'soft', 'noiseCopy'];

/** The works of each output, a bit each. */
const workBits = Object.fromEntries(
  outputNames.map((name) => [name, outputs[name].work.reduce((bits, work) => bits | (1 << works.indexOf(work)), 0)]),
) as Readonly<Record<OutputName, number>>;

function workUnits(work: Work, { categories, hard, topK }: SampleJob, of: Weights): number {
  if (work === 'topK') return units(of.topK, categories) + topK * units(of.topKKept, Math.log2(topK));
  return units(of[work === 'soft' && hard ? 'hard' : work], categories);
}

function units([draw, element]: Weight, elements: number): number {
  return draw + element * elements;
}

/** Units of so many draws of a job that lie in one batch, each of them `unitsEach`; none for none. */
export function unitsOfDraws(draws: number, unitsEach: number): number {
  return draws === 0 ? 0 : weights.job + draws * unitsEach;
}

/** The draws of one job that fit so many units of a batch; at least one, since a row cannot be cut. */
export function drawsWithin(units: number, unitsEach: number): number {
  return Math.max(1, Math.floor((units - weights.job) / unitsEach));
}

/** Units of a whole job. */
export function jobUnits(job: Job): number {
  return unitsOfDraws(job.samples * job.rows, drawUnits(job));
}

/** Units of a part of a job. */
export function partUnits({ job, rowCount, sampleCount }: Part): number {
  return unitsOfDraws(rowCount * sampleCount, drawUnits(job));
}
