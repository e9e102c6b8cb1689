/** What the reader has chosen, and its form in the address bar. Knows neither controls nor requests. */

export interface State {
  /** 2 to 8 of them. */
  readonly logits: readonly number[];
  readonly temperature: number;
  /** Decimal, 0 to 2^64 - 1: a number would lose digits above 2^53. */
  readonly seed: string;
  readonly hard: boolean;
  /** Of the gradients. All but straight_through are those of one-hot samples, whatever `hard` says. */
  readonly estimator: Estimator;
  /** Draws that are counted. */
  readonly draws: number;
  /** Number of the first sample in the strip. */
  readonly first: number;
  /** Number of the sample that is replayed by itself. */
  readonly sample: number;
}

export const estimators = ['straight_through', 'softmax', 'gumbel_rao', 'reinmax'] as const;
export type Estimator = (typeof estimators)[number];

export const categoriesMin = 2;
export const categoriesMax = 8;
export const drawsChoices: readonly number[] = [100, 1_000, 10_000, 100_000];

/** Samples in the strip at a time. */
export const stripLength = 12;

export const initialState: State = {
  logits: [1, 0.5, -1],
  temperature: 0.5,
  seed: '42',
  hard: false,
  estimator: 'straight_through',
  draws: 10_000,
  first: 0,
  sample: 0,
};

const seedMax = 2n ** 64n - 1n;
/** Samples are numbered by a 32-bit counter of the noise contract. */
const sampleMax = 2 ** 32 - 1;
const firstMax = sampleMax - stripLength + 1;

/** Each answers with the value that a text stands for, or undefined when it stands for none. */
export function readLogit(text: string): number | undefined {
  const value = readNumber(text);
  return value !== undefined && Math.abs(value) <= 100 ? value : undefined;
}

export function readTemperature(text: string): number | undefined {
  const value = readNumber(text);
  return value !== undefined && value >= 1e-6 && value <= 1e6 ? value : undefined;
}

export function readSeed(text: string): string | undefined {
  const digits = text.trim();
  return /^(?:0|[1-9][0-9]{0,19})$/.test(digits) && BigInt(digits) <= seedMax ? digits : undefined;
}

function readNumber(text: string): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : undefined;
}

function readLogits(text: string): readonly number[] | undefined {
  const logits = text.split(',').map(readLogit);
  const right = logits.length >= categoriesMin && logits.length <= categoriesMax;
  return right && logits.every((logit) => logit !== undefined) ? logits : undefined;
}

function readCounter(text: string, max: number): number | undefined {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function readDraws(text: string): number | undefined {
  return drawsChoices.find((choice) => String(choice) === text);
}

function readFlag(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

function readEstimator(text: string): Estimator | undefined {
  return estimators.find((name) => name === text);
}

const readers: { readonly [Name in keyof State]: (text: string) => State[Name] | undefined } = {
  logits: readLogits,
  temperature: readTemperature,
  seed: readSeed,
  hard: readFlag,
  estimator: readEstimator,
  draws: readDraws,
  first: (text) => readCounter(text, firstMax),
  sample: (text) => readCounter(text, sampleMax),
};

const names = Object.keys(readers) as (keyof State)[];

/** The state of an address, and the names of the parts that could not be read and are as they are at first. */
export function readAddress(search: string): { state: State; unread: string[] } {
  const parameters = new URLSearchParams(search);
  const unread: string[] = [];
  const read: Record<string, unknown> = {};
  for (const name of names) {
    const text = parameters.get(name);
    if (text === null) continue;
    const value = readers[name](text);
    if (value === undefined) unread.push(name);
    else read[name] = value;
  }
  return { state: withSampleInStrip({ ...initialState, ...read }), unread };
}

/** The sample that is replayed is one of the strip. */
export function withSampleInStrip(state: State): State {
  const inside = state.sample >= state.first && state.sample < state.first + stripLength;
  return inside ? state : { ...state, sample: state.first };
}

/** Moves the strip by whole lengths, within the counters of the noise contract. */
export function moveStrip(state: State, lengths: number): State {
  const first = Math.min(Math.max(state.first + lengths * stripLength, 0), firstMax);
  return { ...state, first, sample: first };
}

export function writeAddress(state: State): string {
  const parameters = names.map((name) => `${name}=${String(state[name])}`);
  return `?${parameters.join('&')}`;
}

/** As many categories as asked for: new ones have logit 0. */
export function withCategories(state: State, categories: number): State {
  const logits = Array.from({ length: categories }, (_, k) => state.logits[k] ?? 0);
  return { ...state, logits };
}
