/** The results of `npm run bench:kernel` and how they read as Markdown. How they are measured is left to kernel.ts. */
import type { Wanted } from './bodies.js';
import { type Run, runLines, table } from './results.js';

/** Nanoseconds per element, over the runs of one case. */
export interface Nanoseconds {
  readonly least: number;
  readonly median: number;
}

export interface KernelFigures {
  readonly shape: string;
  readonly wanted: Wanted;
  readonly noise: Nanoseconds;
  readonly graph: Nanoseconds;
  /** What a worker does for a batch: inputs staged, noise, graph, outputs copied. */
  readonly both: Nanoseconds;
}

interface TorchFigures extends Nanoseconds {
  readonly shape: string;
  readonly wanted: Wanted;
}

export interface KernelResult {
  readonly run: Run;
  /** The in-process torch loop with its versions, or why it was left out. */
  readonly torch:
    | { readonly versions: Readonly<Record<string, string>>; readonly figures: readonly TorchFigures[] }
    | { readonly missing: string };
  readonly figures: readonly KernelFigures[];
}

function cell({ least, median }: Nanoseconds): string {
  return `${least.toFixed(2)} (${median.toFixed(2)})`;
}

export function kernelMarkdown({ run, torch, figures }: KernelResult): string {
  const headers = ['shape', 'noise', 'graph', 'noise + graph', 'both', 'torch loop'];
  const rows = figures.map(({ shape, wanted, noise, graph, both }) => {
    const peer =
      'figures' in torch ? torch.figures.find((each) => each.shape === shape && each.wanted === wanted) : undefined;
    const soft = wanted === 'soft';
    const sum = { least: noise.least + graph.least, median: noise.median + graph.median };
    return [
      `${shape} ${wanted}`,
      cell(noise),
      soft ? cell(graph) : 'none',
      cell(soft ? sum : noise),
      cell(both),
      peer ? cell(peer) : '-',
    ];
  });
  const versions =
    'missing' in torch ? [] : Object.entries(torch.versions).map(([name, version]) => `${name} ${version}`);
  return [
    runLines(run, versions),
    'Nanoseconds per element, one thread: the least of many runs (their median).',
    table(headers, rows),
    ...('missing' in torch ? [`The torch loop was left out: ${torch.missing}.`] : []),
  ].join('\n\n');
}
