/**
 * What a benchmark leaves behind: one JSON file each under bench/results, with the machine, the versions, the date and
 * the command, and the same figures as Markdown tables. The tables of docs/benchmarks.md are printed from these files,
 * so no figure is ever typed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export type BenchmarkName = 'http' | 'start' | 'kernel';

export interface Run {
  readonly command: string;
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly onnxruntimeNode: string;
  readonly fastify: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Runnable processes of the last minute when the benchmark started: above about 0.3 the machine was not quiet. */
  readonly loadAverage: number;
}

/** The build lies in dist/bench, two folders below the project. */
const project = fileURLToPath(new URL('../..', import.meta.url));

function packageVersion(name: string): string {
  const text = readFileSync(`${project}node_modules/${name}/package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The commit that was measured, marked when files differ from it. */
function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=10', '--exclude=*'], {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Describes this run; call it before the load starts. */
export function describeRun(script: string): Run {
  const flags = process.argv.slice(2);
  return {
    command: `npm run ${script}${flags.length > 0 ? ` -- ${flags.join(' ')}` : ''}`,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: commit(),
    node: process.versions.node,
    onnxruntimeNode: packageVersion('onnxruntime-node'),
    fastify: packageVersion('fastify'),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    loadAverage: loadavg()[0],
  };
}

function pathOf(name: BenchmarkName): string {
  return `${project}bench/results/${name}.json`;
}

export function writeResult(name: BenchmarkName, result: object): void {
  mkdirSync(`${project}bench/results`, { recursive: true });
  writeFileSync(pathOf(name), `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nWritten to bench/results/${name}.json`);
}

/** The last result of a benchmark, or undefined before its first. */
export function readResult<Result>(name: BenchmarkName): Result | undefined {
  return existsSync(pathOf(name)) ? JSON.parse(readFileSync(pathOf(name), 'utf8')) : undefined;
}

/** A Markdown table; every column but the first few, `leftColumns`, is aligned to the right. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], leftColumns = 1): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = headers.map((_, column) => (column < leftColumns ? '---' : '---:'));
  return [line(headers), line(rule), ...rows.map(line)].join('\n');
}

/** Three significant digits, and all digits before the point. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

export function runLines(run: Run, more: readonly string[] = []): string {
  return [
    `\`${run.command}\` on ${run.date} UTC, commit ${run.commit}, load average before the run ${run.loadAverage.toFixed(2)}.`,
    `${run.cpu}, ${run.cores} cores, ${run.memoryGiB} GiB, ${run.system}; Node ${run.node}, onnxruntime-node ${run.onnxruntimeNode}, Fastify ${run.fastify}${more.map((text) => `, ${text}`).join('')}.`,
  ].join('\n');
}
