/**
 * Runs the built suite, or files of it: each file is a process of plain Node.js, which prints TAP. The command of tap
 * gives hooks for coverage and mocks to each of them, and to every process and thread that they start: the service
 * would be tested with them, and a third of the CPU time would be theirs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** The build lies in dist/test/support. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A file has so much longer than its tests have, to start and to say which of them did not end. */
const graceMs = 4000;

export interface SuiteOptions {
  /** The Node.js that runs the tests and what they start; by default this one. */
  readonly node?: string;
  /** How many files run at a time. */
  readonly jobs?: number;
  /** How long a file may take. */
  readonly timeoutS?: number;
}

export interface FileRun {
  /** From the root of the project. */
  readonly file: string;
  readonly isRight: boolean;
  readonly assertions: number;
  readonly seconds: number;
  /** Tests of the file that failed; none if it ended before it could say so. */
  readonly failed: readonly string[];
  /** All that it printed. */
  readonly output: string;
}

/** Starts threads that never wait, so that tests have less of the processors. None outlives this process. */
export function startBusyThreads(count: string): void {
  if (!/^\d{1,2}$/.test(count)) throw new Error('--busy must be a number of threads');
  for (let busy = 0; busy < Number(count); busy++) new Worker('for (;;);', { eval: true });
}

/** @throws {Error} if an option of a command is no positive integer */
export function positiveInteger(text: string, option: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`${option} must be a positive integer`);
  return Number(text);
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** What TAP of a file says: the tests that failed, the number of assertions, and whether it came to its end. */
export function readTap(text: string): { failed: string[]; assertions: number; isWhole: boolean } {
  const failed = [...text.matchAll(/^not ok \d+(?: - (.*?))?(?: #.*| \{)?$/gm)].map(([, name]) => name ?? '');
  const total = /^# \{ total: (\d+)/m.exec(text)?.[1];
  return { failed, assertions: Number(total ?? 0), isWhole: /^1\.\.[1-9]/m.test(text) && total !== undefined };
}

/** The output without the assertions that are right. */
export function onlyFailures(output: string): string {
  return output
    .split('\n')
    .filter((line) => !/^ *(ok \d+|# Subtest|1\.\.\d|$)/.test(line))
    .join('\n');
}

async function runFile(file: string, node: string, timeoutS: number): Promise<FileRun> {
  const startMs = performance.now();
  const child = spawn(node, ['--enable-source-maps', file], {
    cwd: root,
    env: {
      ...process.env,
      PATH: [dirname(node), process.env.PATH].join(delimiter),
      TAP_TIMEOUT: String(timeoutS),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const limit = setTimeout(() => child.kill('SIGKILL'), timeoutS * 1050 + graceMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  // What a test leaves running may hold the pipes open: the end of the process is the end of the file.
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('exit', (...end) => setTimeout(() => resolve(end), 100));
    child.once('close', (...end) => resolve(end));
  });
  clearTimeout(limit);
  running.delete(child);
  const { failed, assertions, isWhole } = readTap(output);
  const isRight = code === 0 && isWhole && failed.length === 0;
  if (!isRight) output += `\n# the process ended with ${signal ?? `code ${code}`}\n`;
  return { file, isRight, assertions, seconds: (performance.now() - startMs) / 1000, failed, output };
}

/** All files of tests, from the root of the project. */
function allFiles(): string[] {
  return readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js') && !name.includes('node_modules'))
    .map((name) => `dist/test/${name}`)
    .sort();
}

/**
 * @param files paths such as dist/test/server.test.js; none is all
 * @param onEnd called for each file when it has ended
 */
export async function runSuite(
  files: readonly string[],
  { node = process.execPath, jobs = 2, timeoutS = 600 }: SuiteOptions,
  onEnd: (run: FileRun, ended: number, files: number) => void,
): Promise<FileRun[]> {
  const missing = files.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) throw new Error(`There is no ${missing.join(', ')}: name built files of dist/test`);
  const queue = files.length > 0 ? files : allFiles();
  const next = queue.values();
  const runs: FileRun[] = [];
  const work = async () => {
    // Both take from the same iterator.
    for (const file of next) {
      const run = await runFile(file, node, timeoutS);
      runs.push(run);
      onEnd(run, runs.length, queue.length);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return runs;
}

/** Prints a line for a file. */
export function printLine({ file, isRight, seconds }: FileRun, ended: number, files: number): void {
  console.log(`${isRight ? 'ok' : 'not ok'} ${ended} of ${files} ${file} ${seconds.toFixed(1)} s`);
}

/** Prints what failed in a file, if anything did. */
export function printFailures({ isRight, output }: FileRun): void {
  if (!isRight) console.log(onlyFailures(output));
}
