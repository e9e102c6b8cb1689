/** Cuts consecutive draws into blocks for the row kernel, so that a block and its scratch stay in the L2 cache. */
import { blockElementsMax } from './row-kernel.js';

/**
 * Draws `first` to `first + draws - 1`, of the rows `row`, `row + 1`, ... in turn, `rows` of them; row 0 is that of
 * draw 0.
 */
export type Visit = (first: number, draws: number, row: number, rows: number) => void;

/**
 * Goes through `draws` draws of `rows` rows in turn, in order: whole samples where they fit a block, else rows of one
 * sample.
 */
export function inBlocks(draws: number, rows: number, categories: number, visit: Visit): void {
  const drawsMax = Math.max(1, Math.floor(blockElementsMax / categories));
  const wholeSamples = Math.floor(drawsMax / rows) * rows;
  for (let first = 0; first < draws; ) {
    const row = first % rows;
    const count = Math.min(draws - first, wholeSamples || Math.min(drawsMax, rows - row));
    visit(first, count, row, wholeSamples ? rows : count);
    first += count;
  }
}
