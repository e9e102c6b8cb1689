/** Plans a batch: for each part its rows, the stage it needs, and the offsets of its outputs in the result. */
import { isSearched } from '../index-search.js';
import { type Batch, type BatchResult, outputFlag, partColumns, partFlags } from '../job.js';
import { openResult } from '../messages.js';
import { type OutputName, outputNames, outputs, type Stage, widthOf } from '../outputs.js';

/**
 * Parts are drawn in this order of stages, so that at most one tile mixes soft samples with others. `search`: only the
 * index is needed, so it is found without most of the noise.
 */
export const stages = ['soft', 'index', 'search', 'noise'] as const satisfies readonly (Stage | 'search')[];

/** A part of a batch. */
export interface PlannedPart {
  /** The last stage that its outputs need. */
  readonly stage: (typeof stages)[number];
  /** Index of its first row among the rows of the batch. */
  readonly firstRow: number;
  readonly rowCount: number;
  readonly firstSample: number;
  readonly sampleCount: number;
  readonly hard: boolean;
  readonly gumbel: boolean;
  readonly topK: number;
  readonly raoSamples: number;
  /** Index of its first draw among the draws of the batch. */
  readonly firstDraw: number;
  /** First element of each output in the arrays of the batch's result. Undefined for outputs that it does not name. */
  readonly offsets: { readonly [Name in OutputName]?: number };
}

/** The parts of a batch, and its result. Hard samples are zeroed in it, so that each needs only its 1. */
export function planBatch(batch: Batch): { parts: PlannedPart[]; result: BatchResult } {
  const parts: PlannedPart[] = [];
  const counts: { [Name in OutputName]?: number } = {};
  let firstRow = 0;
  let firstDraw = 0;
  for (let start = 0; start < batch.parts.length; start += partColumns.count) {
    const rowCount = batch.parts[start + partColumns.rowCount];
    const sampleCount = batch.parts[start + partColumns.sampleCount];
    const flags = batch.parts[start + partColumns.flags];
    const topK = batch.parts[start + partColumns.topK];
    const offsets: { [Name in OutputName]?: number } = {};
    for (const name of outputNames) {
      if ((flags & outputFlag(name)) === 0) continue;
      offsets[name] = counts[name] ?? 0;
      counts[name] = offsets[name] + rowCount * sampleCount * widthOf(name, batch.categories, topK);
    }
    const hard = (flags & partFlags.hard) !== 0;
    const gumbel = (flags & partFlags.gumbel) !== 0;
    const { kind, categories } = batch;
    const names = outputNames.filter((name) => offsets[name] !== undefined);
    parts.push({
      stage: isSearched({ kind, categories, gumbel, hard }, names) ? 'search' : stageOf(names, hard),
      firstRow,
      rowCount,
      firstSample: batch.parts[start + partColumns.firstSample],
      sampleCount,
      hard,
      gumbel,
      topK,
      raoSamples: batch.parts[start + partColumns.raoSamples],
      firstDraw,
      offsets,
    });
    firstRow += rowCount;
    firstDraw += rowCount * sampleCount;
  }
  const result = openResult(batch.buffer, counts);
  for (const { hard, offsets, rowCount, sampleCount } of parts) {
    if (!hard || offsets.samples === undefined) continue;
    result.samples.fill(0, offsets.samples, offsets.samples + rowCount * sampleCount * batch.categories);
  }
  return { parts, result };
}

function stageOf(names: readonly OutputName[], hard: boolean): Stage {
  if (!hard && names.some((name) => outputs[name].stage === 'soft')) return 'soft';
  return names.some((name) => outputs[name].stage !== 'noise') ? 'index' : 'noise';
}
