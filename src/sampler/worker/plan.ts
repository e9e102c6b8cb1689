/** Reads a batch: what each part needs to be drawn, and where its outputs go. Pure. */
import {
  type Batch,
  type BatchResult,
  type OutputName,
  outputFlag,
  outputNames,
  outputs,
  partColumns,
  partFlags,
} from '../job.js';
import { openResult } from '../messages.js';

/** How much of the graph a part needs. Parts are drawn in this order, so that at most one tile mixes soft and hard. */
export const needs = ['soft', 'index', 'noise'] as const;
type Need = (typeof needs)[number];

/** A part of a batch: where its rows are, and where its outputs go. */
export interface PlannedPart {
  readonly need: Need;
  /** Its first row among the rows of the batch. */
  readonly firstRow: number;
  readonly rowCount: number;
  readonly firstSample: number;
  readonly sampleCount: number;
  readonly hard: boolean;
  readonly gumbel: boolean;
  readonly topK: number;
  /** Its first draw among the draws of the batch. */
  readonly firstDraw: number;
  /** First element of each output in the batch's result; one that was not asked for is undefined. */
  readonly at: { readonly [Name in OutputName]?: number };
}

/** The parts of a batch and a result for them, in which hard samples are zeros: a one-hot sample then needs only its 1. */
export function planBatch(batch: Batch): { parts: PlannedPart[]; result: BatchResult } {
  const parts: PlannedPart[] = [];
  const counts: { [Name in OutputName]?: number } = {};
  let firstRow = 0;
  let firstDraw = 0;
  for (let column = 0; column < batch.parts.length; column += partColumns.count) {
    const rowCount = batch.parts[column + partColumns.rowCount] as number;
    const sampleCount = batch.parts[column + partColumns.sampleCount] as number;
    const flags = batch.parts[column + partColumns.flags] as number;
    const topK = batch.parts[column + partColumns.topK] as number;
    const at: { [Name in OutputName]?: number } = {};
    for (const name of outputNames) {
      if ((flags & outputFlag(name)) === 0) continue;
      at[name] = counts[name] ?? 0;
      counts[name] = at[name] + rowCount * sampleCount * outputs[name].width({ categories: batch.categories, topK });
    }
    const hard = (flags & partFlags.hard) !== 0;
    parts.push({
      need: needOf(at, hard),
      firstRow,
      rowCount,
      firstSample: batch.parts[column + partColumns.firstSample] as number,
      sampleCount,
      hard,
      gumbel: (flags & partFlags.gumbel) !== 0,
      topK,
      firstDraw,
      at,
    });
    firstRow += rowCount;
    firstDraw += rowCount * sampleCount;
  }
  const result = openResult(batch.buffer, counts);
  for (const { hard, at, rowCount, sampleCount } of parts) {
    if (!hard || at.samples === undefined) continue;
    result.samples.fill(0, at.samples, at.samples + rowCount * sampleCount * batch.categories);
  }
  return { parts, result };
}

function needOf(at: PlannedPart['at'], hard: boolean): Need {
  if (at.samples !== undefined && !hard) return 'soft';
  return at.samples !== undefined || at.indices !== undefined ? 'index' : 'noise';
}
