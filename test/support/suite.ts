/**
 * Runs the built suite, or files of it: each file is a process of plain Node.js, which prints TAP. The command of tap
 * gives hooks for coverage and mocks to each of them, and to every process and thread that they start. The service
 * would be tested with them, and they take much of the time (docs/testing.md). Can go when tap has an option for it:
 * https://github.com/tapjs/tapjs/blob/main/src/run/src/test-argv.ts gives them always.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** The build lies in dist/test/support. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A file that takes too long has so much time to say which test and what handles are left. */
const graceMs = 10_000;

/** What a file has started, and has its output, must end so soon after it. */
const leftoverMsMax = 5000;

/** Of a file that did not come to its end, its last lines show where it was. */
const lastLinesMax = 20;

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
  readonly skipped: number;
  readonly seconds: number;
  /** Tests of the file that failed; none if it ended before it could say so. */
  readonly failed: readonly string[];
  /** Comments of its tests, such as figures and what was not run, and tests that were skipped. */
  readonly notes: readonly string[];
  /** What it printed of what failed; empty if nothing did. */
  readonly failures: string;
}

export interface SuiteRun {
  readonly files: readonly FileRun[];
  readonly wrong: readonly FileRun[];
  readonly seconds: number;
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

/** Ends a file and what it has started, but for what has a process group of its own. */
function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

process.on('exit', () => running.forEach(endGroup));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

export interface TapResults {
  readonly failed: readonly string[];
  readonly assertions: number;
  readonly skipped: number;
  /** Whether it came to its end, with a test at least. */
  readonly isWhole: boolean;
}

/** What the TAP of a file says. */
export function readTap(text: string): TapResults {
  const failed = [...text.matchAll(/^not ok \d+(?: - (.*?))?(?: #.*| \{)?$/gm)].map(([, name]) => name ?? '');
  const totals = /^# (\{ total: .*\})$/m.exec(text)?.[1];
  const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals ?? '')?.[1] ?? 0);
  const isWhole = /^1\.\.[1-9]/m.test(text) && totals !== undefined;
  return { failed, assertions: count('total'), skipped: count('skip'), isWhole };
}

/** The comments in the TAP of a file, and what it skipped, but for what tap itself notes. */
export function readNotes(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => /^# (?!Subtest\b|\{ total: |time=)|^ok \d+.* # (SKIP|TODO)\b/.test(line));
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
    // The limit is kept here; tap's own would be 30 s.
    env: { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter), TAP_TIMEOUT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let tap = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    tap += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const closed = once(child, 'close').then(
    () => true,
    () => true,
  );
  let grace: NodeJS.Timeout | undefined;
  const limit = setTimeout(() => {
    // At this signal tap prints what it waits for.
    child.kill('SIGALRM');
    grace = setTimeout(endGroup, graceMs, child);
  }, timeoutS * 1000);
  const ending = await once(child, 'exit').then(
    ([code, signal]) => signal ?? `code ${code}`,
    (error) => String(error),
  );
  clearTimeout(limit);
  clearTimeout(grace);
  const seconds = (performance.now() - startMs) / 1000;
  let leftover: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    leftover = setTimeout(resolve, leftoverMsMax, false);
  });
  const isAlone = await Promise.race([closed, late]);
  clearTimeout(leftover);
  endGroup(child);
  running.delete(child);
  const { isWhole, ...results } = readTap(tap);
  const isRight = ending === 'code 0' && isWhole && isAlone && results.failed.length === 0;
  const failures = [onlyFailures(output), `# the process ended with ${ending}`];
  if (!isAlone) failures.push('# something that it has started still runs');
  if (!isWhole) failures.push('# its last lines:', ...output.trimEnd().split('\n').slice(-lastLinesMax));
  return { file, isRight, seconds, ...results, notes: readNotes(tap), failures: isRight ? '' : failures.join('\n') };
}

/** All files of tests, from the root of the project. */
function allFiles(): string[] {
  return readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js') && !name.includes('node_modules'))
    .map((name) => `dist/test/${name}`)
    .sort();
}

/**
 * Runs files, and prints a line for each when it has ended, with its notes or what failed in it.
 *
 * @param files paths such as dist/test/server.test.js; none is all
 */
export async function runSuite(
  files: readonly string[],
  { node = process.execPath, jobs = 2, timeoutS = 600 }: SuiteOptions,
  print: (text: string) => void = console.log,
): Promise<SuiteRun> {
  const missing = files.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) throw new Error(`There is no ${missing.join(', ')}: name built files of dist/test`);
  const queue = files.length > 0 ? files : allFiles();
  if (queue.length === 0) throw new Error('There are no tests in dist/test: npm run build');
  const startMs = performance.now();
  const next = queue.values();
  const runs: FileRun[] = [];
  const work = async () => {
    // All of them take from the same iterator.
    for (const file of next) {
      const run = await runFile(file, node, timeoutS);
      runs.push(run);
      const counts = `${runs.length} of ${queue.length}`;
      print(`${run.isRight ? 'ok' : 'not ok'} ${counts} ${file} ${run.seconds.toFixed(1)} s`);
      if (!run.isRight) print(run.failures);
      else for (const note of run.notes) print(`  ${note}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const wrong = runs.filter(({ isRight }) => !isRight);
  return { files: runs, wrong, seconds: (performance.now() - startMs) / 1000 };
}
