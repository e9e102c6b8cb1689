/**
 * What a simulation is made of, by its seed: the settings of the service, the faults it meets, and jobs whose costs lie
 * around every threshold of the queue. Each fault is off in many simulations, since a world of faults alone would hide
 * what happens without them.
 */
import type { Random } from '../../faults/mutate/random.js';
import { unitsOfDraws, unitsPerDrawOf } from '../../src/sampler/cost.js';
import { type Job, type Kind, noneGiven } from '../../src/sampler/job.js';
import type { OutputName } from '../../src/sampler/outputs.js';

export interface Settings {
  readonly workers: number;
  readonly batchElementsMax: number;
  readonly queueElementsMax: number;
  readonly queueRequestsMax: number;
  readonly elementsDrawnMax: number;
  readonly watchdogMs: number;
  readonly memoryBytes: number;
  /** Units that a worker draws in a millisecond. */
  readonly unitsPerMs: number;
  /** Probabilities. */
  readonly dies: number;
  readonly diesInStart: number;
  readonly diesIdle: number;
  readonly sticks: number;
  readonly failsInline: number;
  readonly leaves: number;
  readonly hasDeadline: number;
  /** Requests that a client sends without a pause. */
  readonly bursts: number;
  readonly clients: number;
  /** Jobs that cost about as much as a batch or more. */
  readonly large: number;
  readonly requestsEach: number;
  /** Whether callers have keys, so that several connections can be one caller. */
  readonly keys: number;
  /** When the service stops, if it does before the last reply. */
  readonly stopAfterMs: number | undefined;
}

/** Limits of the real service that are constants of sampler.ts. */
export const worthUnitsMin = 2 ** 15;
export const inlineUnitsMax = 2 ** 13;

/**
 * Many callers who do not wait long, and few workers that are slow and often die: batches hold many jobs, wait for a
 * worker long enough that some of the jobs fail, and are packed more than once.
 */
const crowd = {
  clients: 16,
  requestsEach: 4,
  bursts: 0.95,
  large: 0,
  workers: 2,
  unitsPerMs: 5e3,
  queueElementsMax: 2 ** 19,
  queueRequestsMax: 1024,
  batchElementsMax: 2 ** 16,
  memoryBytes: 2 ** 28,
  dies: 0.5,
  leaves: 0.3,
  hasDeadline: 0.5,
} satisfies Partial<Settings>;

export function settingsOf(random: Random): Settings {
  const often = (probability: number, of: readonly number[]) => (random.chance(probability) ? random.pick(of) : 0);
  const isCrowded = random.chance(0.03);
  const settings = {
    workers: random.pick([1, 1, 2, 2, 3, 4]),
    batchElementsMax: random.pick([2 ** 12, 2 ** 14, 2 ** 14, 2 ** 16, 2 ** 18]),
    queueElementsMax: random.pick([2 ** 13, 2 ** 15, 2 ** 17, 2 ** 19, 5 * 2 ** 22]),
    queueRequestsMax: random.pick([2, 8, 32, 1024]),
    elementsDrawnMax: random.pick([2 ** 18, 2 ** 30]),
    watchdogMs: random.pick([500, 3000]),
    memoryBytes: random.pick([2 ** 15, 2 ** 18, 2 ** 28, 2 ** 28]),
    unitsPerMs: random.pick([3e5, 3e5, 5e4, 5e3, 500]),
    dies: often(0.3, [0.02, 0.2]),
    diesInStart: often(0.2, [0.1, 0.5]),
    diesIdle: often(0.1, [0.2]),
    sticks: often(0.03, [0.05]),
    failsInline: often(0.1, [0.1]),
    leaves: often(0.5, [0.05, 0.3, 0.8]),
    hasDeadline: often(0.6, [0.2, 1]),
    bursts: random.pick([0, 0.5, 0.95]),
    clients: random.pick([1, 2, 4, 8, 16]),
    requestsEach: random.pick([1, 2, 4, 6]),
    large: random.pick([0, 0.2, 0.5]),
    keys: random.pick([0, 0, 1, 2]),
    stopAfterMs: random.chance(0.3) ? random.pick([0.1, 1, 10, 100]) * random.below(10) : undefined,
  };
  return isCrowded ? { ...settings, ...crowd } : settings;
}

const outputSets: readonly (readonly OutputName[])[] = [
  ['indices'],
  ['indices'],
  ['samples', 'indices'],
  ['noise'],
  ['logProb', 'samples'],
  ['topIndices'],
  ['logSamples', 'logProb', 'indices', 'topIndices'],
];

/** Limits of the memory of a job, so that a simulation takes a millisecond. */
const drawsMax = 1500;
const logitsMax = 12_000;
const numbersMax = 20_000;

/** A cost near a threshold, or anywhere below. */
function targetUnits(random: Random, { batchElementsMax: batch, queueElementsMax, workers, large }: Settings): number {
  const near = (units: number) => units * (0.9 + 0.2 * (random.below(1 << 10) / (1 << 10)));
  const queue = workers * queueElementsMax;
  if (random.chance(large)) return near(Math.min(random.pick([1, 1, 2, 3, 6]) * batch, queue));
  return near(random.pick([300, 300, 1000, 4000, inlineUnitsMax, worthUnitsMin, batch / 2, batch / 20]));
}

/** The shape of a job, whose arrays the caller makes on memory of its own. */
export function makeJob(random: Random, settings: Settings, arrays: (count: number) => Float32Array): Job {
  const target = targetUnits(random, settings);
  const kind: Kind = random.chance(0.8) ? 'draw' : random.pick(['vjp', 'reinmax', 'densityOfSamples'] as const);
  const isLongRow = random.chance(0.05) && target < 2 ** 16;
  const least = Math.ceil(target / drawsMax / 2);
  let categories = isLongRow ? Math.ceil(target / 2) : random.pick([1, 2, 4, 4, 10, 40]);
  categories = Math.min(Math.max(categories, least), logitsMax);
  const topK = Math.min(categories, random.pick([1, 2, 3]));
  const outputs = new Set(
    kind === 'draw'
      ? random.pick(outputSets)
      : kind === 'densityOfSamples'
        ? (['logProb'] as const)
        : (['gradLogits', 'gradTemperature'] as const),
  );
  const wide = kind !== 'draw' || outputs.has('samples') || outputs.has('noise') || outputs.has('logSamples');
  const empty = new Float32Array(0);
  const noise = { streams: new Uint32Array(0), firstSample: 0, gumbel: true };
  const size = { rows: 1, categories, samples: 1, logits: empty, temperature: empty, outputs };
  const shape: Job =
    kind === 'draw'
      ? { ...size, ...noise, kind, hard: random.chance(0.3), topK, given: noneGiven }
      : kind === 'densityOfSamples'
        ? { ...size, kind, points: empty }
        : { ...size, ...noise, kind, raoSamples: 0, points: empty };
  const unitsPerDraw = unitsPerDrawOf(shape);
  let draws = Math.max(1, Math.round((target - unitsOfDraws(1, unitsPerDraw)) / unitsPerDraw) + 1);
  draws = Math.min(draws, drawsMax, wide ? Math.ceil(numbersMax / categories) : drawsMax);
  const rowsMax = Math.max(1, Math.min(draws, Math.floor(logitsMax / categories)));
  const rows = random.pick([1, rowsMax, random.between(1, rowsMax)]);
  const samples = Math.max(1, Math.floor(draws / rows));
  const filled = { rows, samples, logits: arrays(rows * categories), temperature: arrays(rows) };
  const job = { ...shape, ...filled };
  if ('streams' in job) Object.assign(job, { streams: new Uint32Array(3 * rows) });
  if ('points' in job) Object.assign(job, { points: arrays(samples * rows * categories) });
  return job as Job;
}
