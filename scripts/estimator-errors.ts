/** Bias and variance of the gradients of hard samples on a small problem, by estimator and temperature. */
import { type GradientJob, type Job, type JobResult, noneGiven } from '../src/sampler/job.js';

/** An estimator of POST /sample/vjp as a kind of job. */
export interface Candidate {
  readonly name: string;
  readonly kind: GradientJob['kind'];
  readonly gumbel: boolean;
  readonly raoSamples: number;
}

export const candidates: readonly Candidate[] = [
  { name: 'straight_through', kind: 'vjp', gumbel: true, raoSamples: 0 },
  ...[1, 10, 100].map((raoSamples): Candidate => {
    return { name: `gumbel_rao, ${raoSamples}`, kind: 'gumbelRao', gumbel: true, raoSamples };
  }),
  { name: 'softmax', kind: 'vjp', gumbel: false, raoSamples: 0 },
  { name: 'reinmax', kind: 'reinmax', gumbel: true, raoSamples: 0 },
];

/** The loss |D - target|^4 of a hard sample D, which is neither linear nor quadratic. */
export const problem = {
  logits: [1, 0.5, -1, 0],
  target: [0.45, 0.3, 0.15, 0.1],
} as const;

const categories = problem.logits.length;

function loss(index: number): number {
  return distance(index) ** 2;
}

/** |D - target|^2 */
function distance(index: number): number {
  return problem.target.reduce((sum, value, k) => sum + (Number(k === index) - value) ** 2, 0);
}

/** The gradient of the loss with respect to the sample. */
function cotangent(index: number): number[] {
  return problem.target.map((value, k) => 4 * distance(index) * (Number(k === index) - value));
}

/** The gradient of the expected loss with respect to the logits: sum_i p_i f_i (e_i - p). */
export function exactGradient(): number[] {
  const weights = problem.logits.map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const p = weights.map((weight) => weight / total);
  const mean = p.reduce((sum, value, index) => sum + value * loss(index), 0);
  return p.map((value, k) => value * (loss(k) - mean));
}

/** Gradients of `rows` hard samples, float64 [rows, K], each with noise of its own. All candidates have the same. */
export async function gradientsOf(
  { kind, gumbel, raoSamples }: Candidate,
  temperature: number,
  rows: number,
  draw: (job: Job) => Promise<JobResult>,
): Promise<Float64Array> {
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) streams.set([20161103, 0, row], 3 * row);
  const size = {
    rows,
    categories,
    samples: 1,
    logits: Float32Array.from({ length: rows * categories }, (_, at) => problem.logits[at % categories]),
    temperature: new Float32Array(rows).fill(temperature),
    streams,
    firstSample: 0,
  };
  const outputs = new Set(['indices'] as const);
  const { indices } = await draw({
    ...size,
    kind: 'draw',
    hard: true,
    gumbel: true,
    topK: 0,
    given: noneGiven,
    outputs,
  });
  const points = Float32Array.from(Array.from(indices ?? []).flatMap(cotangent));
  const gradient = { ...size, kind, gumbel, raoSamples, points, outputs: new Set(['gradLogits'] as const) };
  const { gradLogits } = await draw(gradient);
  return (gradLogits ?? new Float64Array(0)).slice();
}

export interface EstimatorError {
  /** |mean - exact gradient| */
  readonly bias: number;
  /** The standard error of the mean: what the bias cannot be told from. */
  readonly biasError: number;
  /** Summed over the categories. */
  readonly variance: number;
}

export function errorOf(gradients: Float64Array): EstimatorError {
  const rows = gradients.length / categories;
  const exact = exactGradient();
  let [bias, variance] = [0, 0];
  for (let k = 0; k < categories; k++) {
    const own = gradients.filter((_, at) => at % categories === k);
    const mean = own.reduce((sum, value) => sum + value, 0) / rows;
    bias += (mean - exact[k]) ** 2;
    variance += own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (rows - 1);
  }
  return { bias: Math.sqrt(bias), biasError: Math.sqrt(variance / rows), variance };
}
