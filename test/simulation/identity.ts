/**
 * Draws that say whose they are. The inputs of a job hold its number, and what is drawn is made from the inputs, so a
 * result tells which job, row and sample it was drawn from, and whether all inputs were those of one job.
 */
import {
  type Batch,
  type BatchResult,
  isNoisy,
  type Job,
  type JobResult,
  outputFlag,
  outputWidth,
  partColumns,
  streamColumns,
  timingColumns,
} from '../../src/sampler/job.js';
import { openResult } from '../../src/sampler/messages.js';
import { type OutputName, outputNames, widthOf } from '../../src/sampler/outputs.js';

/** What is drawn from inputs that are not those of one job. */
const mixedUp = -1;

/** 23 bits, which every type of output holds. */
function identityOf(job: number, row: number, sample: number): number {
  return (Math.imul(job, 0x9e3779b1) ^ Math.imul(row + 1, 0x85ebca77) ^ Math.imul(sample + 1, 0xc2b2ae3d)) & 0x7fffff;
}

/** Writes the number of a job into its inputs. Job numbers stay below 2^24, as float32 has them. */
export function identify(job: Job, number: number): void {
  const { rows, categories, samples } = job;
  job.logits.fill(number);
  // A row of one category has no room for the number of the row; its samples differ by what follows.
  if (categories > 1) for (let row = 0; row < rows; row++) job.logits[(row + 1) * categories - 1] = row;
  job.temperature.fill(number);
  if ('streams' in job) {
    for (let row = 0; row < rows; row++) job.streams.set([number, 0, row], row * streamColumns.count);
  }
  if ('points' in job) {
    for (let draw = 0; draw < samples * rows; draw++) job.points[draw * categories] = Math.floor(draw / rows);
  }
}

/** Draws a batch: writes the identity of each draw into each of its outputs. */
export function drawIdentities(batch: Batch, busyMs: number): BatchResult {
  const { parts, categories: width } = batch;
  const counts: { [Name in OutputName]?: number } = {};
  forParts(parts, (part) => {
    for (const name of namesOf(part)) counts[name] = (counts[name] ?? 0) + part.draws * widthOf(name, width, part.topK);
  });
  const result = openResult(batch.buffer, counts);
  result.timings[timingColumns.totalMs] = busyMs;
  result.timings[timingColumns.graphMs] = busyMs / 2;
  const offsets: { [Name in OutputName]?: number } = {};
  let firstRow = 0;
  let firstDraw = 0;
  forParts(parts, (part) => {
    const names = namesOf(part);
    for (let draw = 0; draw < part.draws; draw++) {
      const identity = identityIn(batch, firstRow, draw, firstDraw, part);
      for (const name of names) {
        const outputs = widthOf(name, width, part.topK);
        const offset = offsets[name] ?? 0;
        result[name].fill(identity, offset, offset + outputs);
        offsets[name] = offset + outputs;
      }
    }
    firstRow += part.rowCount;
    firstDraw += part.draws;
  });
  return result;
}

interface PartOfBatch {
  readonly rowCount: number;
  readonly draws: number;
  readonly firstSample: number;
  readonly flags: number;
  readonly topK: number;
}

function forParts(parts: Uint32Array, each: (part: PartOfBatch) => void): void {
  for (let offset = 0; offset < parts.length; offset += partColumns.count) {
    const rowCount = parts[offset + partColumns.rowCount];
    each({
      rowCount,
      draws: rowCount * parts[offset + partColumns.sampleCount],
      firstSample: parts[offset + partColumns.firstSample],
      flags: parts[offset + partColumns.flags],
      topK: parts[offset + partColumns.topK],
    });
  }
}

function namesOf({ flags }: PartOfBatch): OutputName[] {
  return outputNames.filter((name) => (flags & outputFlag(name)) !== 0);
}

function identityIn(batch: Batch, firstRow: number, draw: number, firstDraw: number, part: PartOfBatch): number {
  const { kind, categories, logits, temperature, streams, points } = batch;
  const row = firstRow + (draw % part.rowCount);
  const number = logits[row * categories];
  if (!(number > 0) || temperature[row] !== number) return mixedUp;
  if (isNoisy(kind) && streams[row * streamColumns.count + streamColumns.seedLow] !== number) return mixedUp;
  const rowOfJob = categories > 1 ? logits[(row + 1) * categories - 1] : 0;
  const sample = part.firstSample + Math.floor(draw / part.rowCount);
  if (kind === 'draw') return identityOf(number, rowOfJob, sample);
  const point = points[(firstDraw + draw) * categories];
  if (isNoisy(kind) && point !== sample) return mixedUp;
  return identityOf(number, rowOfJob, point);
}

/** Says what is wrong with the result of a job; undefined if it is right. */
export function wrongIn(job: Job, number: number, result: JobResult): string | undefined {
  const { rows, samples, categories, outputs } = job;
  for (const name of outputs) {
    const array = result[name];
    const width = outputWidth(job, name);
    if (array?.length !== samples * rows * width) return `${name} has ${array?.length} elements`;
    for (let draw = 0; draw < samples * rows; draw++) {
      const row = categories > 1 ? draw % rows : 0;
      const expected = identityOf(number, row, Math.floor(draw / rows));
      const first = array[draw * width];
      const last = array[(draw + 1) * width - 1];
      if (first !== expected || last !== expected)
        return `draw ${draw} of ${name} is that of another job, row or sample`;
    }
  }
  return undefined;
}
