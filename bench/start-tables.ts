/** The results of `npm run bench:start` and how they read as Markdown. How they are measured is left to start.ts. */
import { figure, type Run, runLines, table } from './results.js';
import { median, percentile } from './statistics.js';

export interface SamplesMemory {
  readonly numSamples: number;
  readonly replyBytes: number;
  /** Peak resident memory of a fresh process before and after the draws. */
  readonly peakBeforeMiB: number;
  readonly peakMiB: number;
}

export interface StartResult {
  readonly run: Run;
  readonly readyMs: readonly number[];
  readonly idleMiB: readonly number[];
  readonly samples: readonly SamplesMemory[];
  readonly mixed: readonly { readonly requests: number; readonly residentMiB: number; readonly peakMiB: number }[];
}

/** Growth of resident memory over the second half, in which everything that grows once has grown. */
function mixedLine(mixed: StartResult['mixed']): string {
  const half = mixed[Math.floor((mixed.length - 1) / 2)];
  const last = mixed.at(-1);
  if (!half || !last || half === last) return '';
  const growth = last.residentMiB - half.residentMiB;
  return `From ${half.requests.toLocaleString('en')} to ${last.requests.toLocaleString('en')} requests: ${growth >= 0 ? '+' : ''}${growth.toFixed(1)} MiB.`;
}

export function startMarkdown({ run, readyMs, idleMiB, samples, mixed }: StartResult): string {
  const starts = [
    ['start to the first 200 of /readyz, ms', readyMs],
    ['resident when idle, one worker, MiB', idleMiB],
  ] as const;
  return [
    runLines(run),
    table(
      [`${readyMs.length} starts`, 'median', 'min', 'max'],
      starts.map(([name, values]) => [
        name,
        ...[median(values), percentile(values, 0), percentile(values, 100)].map(figure),
      ]),
    ),
    'Peak resident memory for draws of one 1000-category row, indices alone, each in a fresh process:',
    table(
      ['num_samples', 'reply KiB', 'peak before MiB', 'peak after MiB'],
      samples.map((row) => [
        row.numSamples.toLocaleString('en'),
        figure(row.replyBytes / 1024),
        figure(row.peakBeforeMiB),
        figure(row.peakMiB),
      ]),
    ),
    'Resident memory of one process over mixed requests:',
    table(
      ['requests', 'resident MiB', 'peak MiB'],
      mixed.map((row) => [row.requests.toLocaleString('en'), figure(row.residentMiB), figure(row.peakMiB)]),
    ),
    mixedLine(mixed),
  ].join('\n\n');
}
