/**
 * `npm run bench:document`: prints the last results of the benchmarks into docs/benchmarks.md, between the markers that
 * name them. The text around them is written by hand, the figures never are.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type HttpResult, httpMarkdown } from './http-tables.js';
import { type KernelResult, kernelMarkdown } from './kernel-tables.js';
import { replaceBetween } from './markers.js';
import { type BenchmarkName, readResult } from './results.js';
import { type StartResult, startMarkdown } from './start-tables.js';

/** The build lies in dist/bench, two folders below the project. */
const path = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

const printed: Record<BenchmarkName, () => string | undefined> = {
  http: () => printedWith(readResult<HttpResult>('http'), httpMarkdown),
  start: () => printedWith(readResult<StartResult>('start'), startMarkdown),
  kernel: () => printedWith(readResult<KernelResult>('kernel'), kernelMarkdown),
};

function printedWith<Result>(result: Result | undefined, print: (result: Result) => string): string | undefined {
  return result === undefined ? undefined : print(result);
}

let text = readFileSync(path, 'utf8');
for (const [name, print] of Object.entries(printed)) {
  const markdown = print();
  if (markdown === undefined) console.log(`bench/results/${name}.json is not there: its section stays as it is`);
  else text = replaceBetween(text, name, 'bench:document', markdown);
}
writeFileSync(path, text);
