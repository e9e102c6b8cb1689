/**
 * `npm run bench:cost`: measures what a worker takes for each kind of draw, fits the weights of src/sampler/cost.ts to
 * it, prints them for pasting, and says how far the weights now in force are off, for each shape and set of outputs.
 */
import { parseArgs } from 'node:util';
import { settleMemory } from '../src/runtime/memory-settings.js';
import { nanosecondsPerUnit, type Weights, weightedDraw, weights } from '../src/sampler/cost.js';
import {
  type Batch,
  type GradientJob,
  type IndicesJob,
  type Job,
  noneGiven,
  type Part,
  type SampleJob,
} from '../src/sampler/job.js';
import type { OutputName } from '../src/sampler/outputs.js';
import { pack } from '../src/sampler/queue/pack.js';
import { type Drawer, openDrawer } from '../src/sampler/worker/drawer.js';
import { normalLogits } from './bodies.js';
import { fitWeights } from './cost-fit.js';
import { describeRun, figure, runLines, table } from './results.js';

const help = `npm run bench:cost -- [options]

  --seconds <s>     of each case                                  (default 0.15)
  --categories <l>  K, comma-separated                            (default 1,4,16,64,256,1024,16384,131072,1048576)
  --help`;

/** A case that is a multiple of this off its measurement is marked. */
const factorMax = 1.5;
/** Elements of a case; a row may have more. */
const caseElements = 2 ** 17;
/**
 * The fewest runs of a case in a pass. Of all runs the least counts: whatever else the machine does only ever adds
 * time.
 */
const runsMin = 3;
/** Cases take turns, so that neither cold code nor a disturbance falls on one of them alone. */
const passes = 4;

interface Variant {
  readonly name: string;
  readonly fields: (categories: number) => Partial<Job>;
}

const outputs = (...names: OutputName[]) => new Set(names);

const variants: readonly Variant[] = [
  { name: 'indices', fields: () => ({ outputs: outputs('indices') }) },
  { name: 'indices and noise', fields: () => ({ outputs: outputs('indices', 'noise') }) },
  { name: 'indices, noise: none', fields: () => ({ gumbel: false, outputs: outputs('indices') }) },
  { name: 'noise', fields: () => ({ outputs: outputs('noise') }) },
  { name: 'noise, noise: none', fields: () => ({ gumbel: false, outputs: outputs('noise') }) },
  { name: 'hard samples', fields: () => ({ hard: true, outputs: outputs('samples') }) },
  { name: 'soft samples', fields: () => ({ outputs: outputs('samples') }) },
  { name: 'soft, noise: none', fields: () => ({ gumbel: false, outputs: outputs('samples') }) },
  { name: 'log_samples', fields: () => ({ outputs: outputs('logSamples') }) },
  { name: 'log_prob', fields: () => ({ outputs: outputs('logProb') }) },
  {
    name: 'all outputs',
    fields: () => ({ outputs: outputs('samples', 'indices', 'noise', 'logSamples', 'logProb') }),
  },
  { name: 'top_k 1', fields: () => ({ topK: 1, outputs: outputs('topIndices') }) },
  { name: 'top_k K/16', fields: (K) => ({ topK: Math.ceil(K / 16), outputs: outputs('topIndices') }) },
  { name: 'top_k K', fields: (K) => ({ topK: K, outputs: outputs('topIndices') }) },
  { name: 'index_log_prob', fields: () => ({ outputs: outputs('indices', 'indexLogProb') }) },
  {
    name: 'top_scores K/16',
    fields: (K) => ({ topK: Math.ceil(K / 16), outputs: outputs('topIndices', 'topScores', 'topThreshold') }),
  },
  { name: 'top_scores K', fields: (K) => ({ topK: K, outputs: outputs('topIndices', 'topScores', 'topThreshold') }) },
  { name: 'top_log_prob 1', fields: () => ({ topK: 1, outputs: outputs('topIndices', 'topLogProb') }) },
  {
    name: 'top_log_prob K/2',
    fields: (K) => ({ topK: Math.ceil(K / 2), outputs: outputs('topIndices', 'topLogProb') }),
  },
  { name: 'vjp', fields: () => ({ kind: 'vjp', outputs: outputs('gradLogits', 'gradTemperature') }) },
  { name: 'reinmax', fields: () => ({ kind: 'reinmax', outputs: outputs('gradLogits') }) },
  { name: 'given index, indices', fields: () => ({ kind: 'conditioned', outputs: outputs('indices') }) },
  { name: 'given index, log_samples', fields: () => ({ kind: 'conditioned', outputs: outputs('logSamples') }) },
  { name: 'gumbel_rao 4', fields: () => ({ kind: 'gumbelRao', raoSamples: 4, outputs: outputs('gradLogits') }) },
  { name: 'density of samples', fields: () => ({ kind: 'densityOfSamples', outputs: outputs('logProb') }) },
  { name: 'density of log_samples', fields: () => ({ kind: 'densityOfLogSamples', outputs: outputs('logProb') }) },
  { name: 'log-prob of indices', fields: () => ({ kind: 'logProbOfIndices', topK: 1, outputs: outputs('logProb') }) },
  {
    name: 'log-prob of order 1',
    fields: () => ({ kind: 'logProbOfTopIndices', topK: 1, outputs: outputs('logProb') }),
  },
  {
    name: 'log-prob of order K/2',
    fields: (K) => ({ kind: 'logProbOfTopIndices', topK: Math.ceil(K / 2), outputs: outputs('logProb') }),
  },
];

/** Logits whose order, and not only the noise, decides: what sorting is slowest at is not known in advance. */
const orders = ['random', 'ascending', 'descending'] as const;
type Order = (typeof orders)[number];

interface Case {
  readonly name: string;
  readonly categories: number;
  readonly batch: () => Batch;
  readonly jobs: readonly Job[];
}

function logitsOf(rows: number, categories: number, order: Order): Float32Array {
  if (order === 'random') return Float32Array.from(normalLogits(rows * categories, 42));
  const sign = order === 'ascending' ? 1 : -1;
  // A hundred between neighbours: no noise changes their order.
  return Float32Array.from({ length: rows * categories }, (_, index) => sign * 100 * (index % categories));
}

/** Different categories for each draw, in no order that the memory would like. */
function ordersOf(draws: number, categories: number, topK: number): Float32Array {
  const stride = 7919 % categories === 0 ? 1 : 7919;
  return Float32Array.from({ length: draws * topK }, (_, index) => ((index % topK) * stride) % categories);
}

function makeJob(rows: number, categories: number, samples: number, fields: Partial<Job>, order: Order): Job {
  const streams = new Uint32Array(rows * 3);
  for (let row = 0; row < rows; row++) streams.set([42, 0, row], row * 3);
  const size = {
    rows,
    categories,
    samples,
    logits: logitsOf(rows, categories, order),
    temperature: new Float32Array(rows).fill(0.5),
    outputs: new Set<OutputName>(),
  };
  const noise = { streams, firstSample: 0, gumbel: true };
  const { kind = 'draw' } = fields;
  if (kind === 'draw' || kind === 'conditioned') {
    const given = kind === 'draw' ? noneGiven : new Int32Array(rows);
    return { ...size, ...noise, hard: false, topK: 0, given, ...(fields as Partial<SampleJob>), kind };
  }
  const { outputs = size.outputs } = fields;
  if (kind === 'logProbOfIndices' || kind === 'logProbOfTopIndices') {
    const { topK = 1 } = fields as Partial<IndicesJob>;
    return { ...size, kind, topK, points: ordersOf(samples * rows, categories, topK), outputs };
  }
  const logarithm = -Math.log(categories);
  const point = kind === 'densityOfLogSamples' ? logarithm : Math.exp(logarithm);
  const points = new Float32Array(samples * rows * categories).fill(point);
  if (kind === 'vjp' || kind === 'reinmax' || kind === 'gumbelRao') {
    const { raoSamples = 0 } = fields as Partial<GradientJob>;
    return { ...size, ...noise, kind, raoSamples, points, outputs };
  }
  return { ...size, kind, points, outputs };
}

const wholeJob = (job: Job): Part => ({
  job,
  rowStart: 0,
  rowCount: job.rows,
  sampleStart: 0,
  sampleCount: job.samples,
});

function caseOf(name: string, jobs: readonly Job[]): Case {
  return { name, categories: jobs[0].categories, jobs, batch: () => pack(jobs.map(wholeJob)) };
}

/**
 * Every variant at each K as rows and as samples, the orders that top_k could mind, and many small jobs in one batch.
 */
function casesOf(categoriesList: readonly number[]): Case[] {
  return categoriesList.flatMap((categories) => {
    const draws = Math.max(1, Math.floor(caseElements / categories / 4));
    const cases = variants.map(({ name, fields }) =>
      caseOf(name, [makeJob(draws, categories, 1, fields(categories), 'random')]),
    );
    const sampled = makeJob(1, categories, draws, { outputs: outputs('indices') }, 'random');
    cases.push(caseOf('indices of one row', [sampled]));
    for (const order of ['ascending', 'descending'] as const) {
      for (const kept of new Set([Math.ceil(categories / 16), Math.ceil(categories / 2)])) {
        const fields = { topK: kept, outputs: outputs('topIndices') };
        cases.push(caseOf(`top_k ${kept}, ${order}`, [makeJob(draws, categories, 1, fields, order)]));
      }
    }
    if (categories > 64) return cases;
    const small = Array.from({ length: 256 }, () =>
      makeJob(1, categories, 1, { outputs: outputs('samples', 'indices') }, 'random'),
    );
    return [...cases, caseOf('256 jobs of one row, soft', small)];
  });
}

/** The least time of the drawer for a case, in nanoseconds. */
async function measureNs(drawer: Drawer, { batch }: Case, seconds: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const endMs = performance.now() + seconds * 1000;
  for (let run = 0; run < runsMin || performance.now() < endMs; run++) {
    const packed = batch();
    const startMs = performance.now();
    await drawer.draw(packed);
    least = Math.min(least, performance.now() - startMs);
  }
  return least * 1e6;
}

function unitsOf({ jobs }: Case, of: Weights): number {
  return jobs.reduce((units, job) => units + of.job + job.rows * job.samples * weightedDraw(job, of), 0);
}

function elementsOf({ jobs }: Case): number {
  return jobs.reduce((elements, { rows, samples, categories }) => elements + rows * samples * categories, 0);
}

/** A unit is an element of noise, added and compared, in rows of 1,024: scales weights in nanoseconds to that. */
function toUnits(inNs: Weights): { readonly nsPerUnit: number; readonly scaled: Weights } {
  const { noise, index } = inNs;
  const nsPerUnit = noise[1] + index[1] + (noise[0] + index[0]) / 1024;
  const scale = (value: number | readonly number[]): unknown =>
    typeof value === 'number' ? value / nsPerUnit : value.map((each) => each / nsPerUnit);
  const scaled = Object.fromEntries(Object.entries(inNs).map(([name, value]) => [name, scale(value)]));
  return { nsPerUnit, scaled: scaled as unknown as Weights };
}

function weightsSource(nsPerUnit: number, scaled: Weights): string {
  const round = (value: number) => Number(value.toPrecision(3));
  const lines = Object.entries(scaled).map(([name, value]) =>
    typeof value === 'number' ? `  ${name}: ${round(value)},` : `  ${name}: [${value.map(round).join(', ')}],`,
  );
  return [
    `export const nanosecondsPerUnit = ${round(nsPerUnit)};`,
    '',
    'export const weights: Weights = {',
    ...lines,
    '};',
  ].join('\n');
}

/** Model over measurement, for the weights in force and for those just fitted. */
function factorsTable(cases: readonly Case[], times: readonly number[], fitted: Weights, nsPerUnit: number): string {
  const rows = cases.map((each, index) => {
    const ns = times[index];
    const inForce = (unitsOf(each, weights) * nanosecondsPerUnit) / ns;
    const now = (unitsOf(each, fitted) * nsPerUnit) / ns;
    const mark = (factor: number) =>
      `${factor.toFixed(2)}${Math.abs(Math.log(factor)) > Math.log(factorMax) ? ' !' : ''}`;
    return [`${each.categories} ${each.name}`, figure(ns / elementsOf(each)), mark(inForce), mark(now)];
  });
  return table(['K and outputs', 'ns an element', 'weights in force / measured', 'fitted / measured'], rows);
}

async function main(categoriesList: readonly number[], seconds: number): Promise<void> {
  const run = describeRun('bench:cost');
  const categoriesMax = Math.max(...categoriesList);
  const drawer = await openDrawer({ provider: 'cpu', categoriesMax, batchElementsMax: caseElements });
  const cases = casesOf(categoriesList);
  const times = cases.map(() => Number.POSITIVE_INFINITY);
  for (let pass = 0; pass < passes; pass++) {
    for (const [index, each] of cases.entries()) {
      times[index] = Math.min(times[index], await measureNs(drawer, each, seconds / passes));
    }
  }
  const measurements = cases.map((each, index) => ({
    isShortCut: each.categories === 1 && each.jobs[0]?.kind.startsWith('density'),
    cost: (of: Weights) => unitsOf(each, of),
    measured: times[index],
  }));
  // Of one category the density is known without working it out. That the model has it cost too much does no harm.
  const fitted = fitWeights(
    weights,
    measurements.filter(({ isShortCut }) => !isShortCut),
  );
  const { nsPerUnit, scaled } = toUnits(fitted);
  console.log(runLines(run));
  console.log(`\n${factorsTable(cases, times, scaled, nsPerUnit)}\n\n${weightsSource(nsPerUnit, scaled)}`);
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.15' },
    categories: { type: 'string', default: '1,4,16,64,256,1024,16384,131072,1048576' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(help);
else {
  settleMemory(); // As the service does.
  await main(values.categories.split(',').map(Number), Number(values.seconds));
}
