/** Jobs for tests of the sampler: a complete job from the few fields a test cares about. */
import {
  type DensityJob,
  type GradientJob,
  type IndicesJob,
  type Job,
  noneGiven,
  type SampleJob,
} from '../../src/sampler/job.js';

interface Size {
  rows?: number;
  categories?: number;
  seed?: number;
}

/** By default a draw of one row of four equal logits. */
export function makeJob(fields?: Partial<SampleJob> & Size): SampleJob;
export function makeJob(fields: Partial<GradientJob> & Pick<GradientJob, 'kind'> & Size): GradientJob;
export function makeJob(fields: Partial<DensityJob> & Pick<DensityJob, 'kind'> & Size): DensityJob;
export function makeJob(fields: Partial<IndicesJob> & Pick<IndicesJob, 'kind'> & Size): IndicesJob;
export function makeJob(fields: Partial<Job> & Size): Job;
export function makeJob(fields: Partial<Job> & Size = {}): Job {
  const { rows = 1, categories = 4, seed = 1, ...rest } = fields;
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) streams.set([seed, 0, row], 3 * row);
  const size = {
    rows,
    categories,
    samples: 1,
    logits: new Float32Array(rows * categories),
    temperature: new Float32Array(rows).fill(1),
    outputs: new Set(['samples', 'indices'] as const),
  };
  const noise = { streams, firstSample: 0, gumbel: true };
  const points = new Float32Array(0);
  if (rest.kind === 'vjp' || rest.kind === 'reinmax' || rest.kind === 'gumbelRao') {
    return { ...size, ...noise, points, raoSamples: rest.kind === 'gumbelRao' ? 3 : 0, ...rest };
  }
  if (rest.kind === 'densityOfSamples' || rest.kind === 'densityOfLogSamples') return { ...size, points, ...rest };
  if (rest.kind === 'logProbOfIndices' || rest.kind === 'logProbOfTopIndices') {
    return { ...size, points, topK: 1, ...rest } as IndicesJob;
  }
  const given = rest.kind === 'conditioned' ? new Int32Array(rows) : noneGiven;
  return { ...size, ...noise, kind: 'draw', hard: false, topK: 0, given, ...(rest as Partial<SampleJob>) };
}
