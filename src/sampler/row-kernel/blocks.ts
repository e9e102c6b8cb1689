/** Cuts consecutive draws into blocks for the row kernel. A block and its scratch fit the L2 cache. */
import { blockElementsMax } from './row-kernel.js';

/**
 * Called with one block: the draws [first, first + draws), which repeat the rows [row, row + rows) in order. Row 0 is
 * the row of draw 0.
 */
export type Visit = (first: number, draws: number, row: number, rows: number) => void;

/**
 * Visits `draws` draws in blocks, in order. Draw d is of row d % rows. A block has whole samples if one fits, else rows
 * of one sample.
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
