/** How the figures of a scenario read as Markdown, on the screen and in docs/operations.md. */
import { figure, runLines, table } from '../bench/results.js';
import type { FaultResult } from './results.js';
import type { Figures } from './scenario.js';

function cell(value: string | number): string {
  if (typeof value === 'string') return value;
  return Number.isInteger(value) ? value.toLocaleString('en') : figure(value);
}

export function figuresMarkdown({ method, tables }: Figures): string {
  const printed = tables.map(({ headers, rows }) =>
    table(
      headers,
      rows.map((row) => row.map(cell)),
    ),
  );
  return [method, ...printed].join('\n\n');
}

export function resultMarkdown({ run, title, checks, figures }: FaultResult): string {
  return [`### ${title}`, runLines(run), figuresMarkdown(figures), `${checks} checks, all held.`].join('\n\n');
}
