/**
 * Which draws need nothing but their index. The kernel finds it without most of the noise (noise/assembly/search.ts).
 */
import type { Kind } from './job.js';
import { type OutputName, outputs } from './outputs.js';

/** From so many categories on, the search is faster than argmax: twice as fast at 1,000 (`npm run bench:kernel`). */
const searchedCategoriesMin = 128;

interface Draws {
  readonly kind: Kind;
  readonly categories: number;
  readonly gumbel: boolean;
  readonly hard: boolean;
}

/** Whether draws of these outputs are searched for their index. A hard sample is the one-hot vector of its index. */
export function isSearched({ kind, categories, gumbel, hard }: Draws, names: Iterable<OutputName>): boolean {
  if (categories < searchedCategoriesMin || kind !== 'draw' || !gumbel) return false;
  for (const name of names) {
    if (outputs[name].stage !== 'index' && !(name === 'samples' && hard)) return false;
  }
  return true;
}
