/**
 * `npm run bench:document`: prints the last results of the benchmarks into the documents, between the markers that name
 * them. The text around them is written by hand, the figures never are.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type HttpResult, httpMarkdown } from './http-tables.js';
import { type KernelResult, kernelMarkdown } from './kernel-tables.js';
import { replaceBetween } from './markers.js';
import { type ProcessesResult, processesMarkdown } from './processes-tables.js';
import { type BenchmarkName, readResult } from './results.js';
import { drawsMarkdown, millionMarkdown, readmeMarkdown } from './scale-tables.js';
import { type StartResult, startMarkdown } from './start-tables.js';

interface Section {
  readonly document: string;
  /** In the markers. */
  readonly name: string;
  readonly benchmark: BenchmarkName;
  /** Undefined where the result lacks what the section tells. */
  readonly print: (result: unknown) => string | undefined;
}

function section<Result>(
  document: string,
  name: string,
  benchmark: BenchmarkName,
  print: (result: Result) => string | undefined,
): Section {
  return { document, name, benchmark, print: (result) => print(result as Result) };
}

const sections = [
  section<HttpResult>('docs/benchmarks.md', 'http', 'http', httpMarkdown),
  section<StartResult>('docs/benchmarks.md', 'start', 'start', startMarkdown),
  section<KernelResult>('docs/benchmarks.md', 'kernel', 'kernel', kernelMarkdown),
  section<ProcessesResult>('docs/scale.md', 'processes', 'processes', processesMarkdown),
  section<HttpResult>('docs/scale.md', 'draws', 'http', drawsMarkdown),
  section<HttpResult>('docs/scale.md', 'million', 'http', millionMarkdown),
  section<HttpResult>('README.md', 'cost', 'http', readmeMarkdown),
];

for (const { document, name, benchmark, print } of sections) {
  const result = readResult<unknown>(benchmark);
  const markdown = result === undefined ? undefined : print(result);
  if (markdown === undefined) {
    console.log(`bench/results/${benchmark}.json lacks what "${name}" of ${document} tells: it stays as it is`);
    continue;
  }
  // The build lies in dist/bench, two folders below the project.
  const path = fileURLToPath(new URL(`../../${document}`, import.meta.url));
  writeFileSync(path, replaceBetween(readFileSync(path, 'utf8'), name, 'bench:document', markdown));
}
