/** Jobs for tests of the sampler: a complete Job from the few fields a test cares about. */
import type { Job } from '../../src/sampler/job.js';

export function makeJob(fields: Partial<Job> & { rows?: number; categories?: number; seed?: number } = {}): Job {
  const { rows = 1, categories = 4, seed = 1, ...rest } = fields;
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) streams.set([seed, 0, row], 3 * row);
  return {
    rows,
    categories,
    kind: 'draw',
    samples: 1,
    logits: new Float32Array(rows * categories),
    temperature: new Float32Array(rows).fill(1),
    streams,
    firstSample: 0,
    hard: false,
    gumbel: true,
    topK: 0,
    points: new Float32Array(0),
    outputs: new Set(['samples', 'indices'] as const),
    ...rest,
  };
}
