/**
 * One-hot samples of some rows: the sampler draws soft samples and indices of all rows, and the rows that are hard get
 * the one-hot vectors of their indices.
 */
import { inSlices } from '../runtime/event-loop-turns.js';
import type { JobResult } from '../sampler/job.js';
import type { Draw } from '../schemas/draw.js';

/** Elements made one-hot in one turn of the event loop. */
const turnElements = 2 ** 20;
/** Overhead of one draw, in elements. */
const drawElements = 16;

/** Replaces the soft samples of hard rows, if rows differ; a promise if it takes several turns of the event loop. */
export function hardenRows({ hardRows, logits }: Draw, { samples, indices }: JobResult): Promise<void> | undefined {
  if (!hardRows || !samples) return undefined;
  if (!indices) throw new Error('Samples were made one-hot without their indices. This is a bug.');
  const { categories } = logits;
  const hardenSlice = (from: number, to: number) => {
    for (let draw = from; draw < to; draw++) {
      if (hardRows[draw % hardRows.length] === 0) continue;
      samples.fill(0, draw * categories, (draw + 1) * categories);
      samples[draw * categories + indices[draw]] = 1;
    }
    return undefined;
  };
  return inSlices(indices.length, Math.ceil(turnElements / (categories + drawElements)), hardenSlice);
}
