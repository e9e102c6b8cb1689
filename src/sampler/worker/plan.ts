/** Reads a batch: what each part needs to be drawn, and where its outputs go. Pure. */
import { type Batch, type BatchResult, outputFlag, partColumns, partFlags } from '../job.js';
import { openResult } from '../messages.js';
import { type OutputName, outputNames, outputs, type Stage, widthOf } from '../outputs.js';

/** Parts are drawn in this order, so that at most one tile mixes soft and hard. */
export const stages = ['soft', 'index', 'noise'] as const satisfies readonly Stage[];

/** A part of a batch: where its rows are, and where its outputs go. */
export interface PlannedPart {
  /** The furthest stage that one of its outputs needs. */
  readonly stage: Stage;
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

/**
 * The parts of a batch and a result for them, in which hard samples are zeros: a one-hot sample then needs only its 1.
 */
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
      counts[name] = at[name] + rowCount * sampleCount * widthOf(name, batch.categories, topK);
    }
    const hard = (flags & partFlags.hard) !== 0;
    parts.push({
      stage: stageOf(at, hard),
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

/** A hard sample is the one-hot vector of its index, so it needs no more than that. */
function stageOf(at: PlannedPart['at'], hard: boolean): Stage {
  let furthest: Stage = 'noise';
  for (const name of outputNames) {
    if (at[name] === undefined || outputs[name].stage === 'noise') continue;
    if (outputs[name].stage === 'soft' && !hard) return 'soft';
    furthest = 'index';
  }
  return furthest;
}
