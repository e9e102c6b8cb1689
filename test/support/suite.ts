/** Runs the built suite, or files of it, as `npm run test:built` does, and says what failed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** The build lies in dist/test/support. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const tap = join(root, 'node_modules/tap/dist/esm/run.mjs');

export interface SuiteRun {
  readonly seconds: number;
  /** Whether tap ended with 0. */
  readonly isRight: boolean;
  /** Files that ran. */
  readonly files: number;
  /** Those that failed, each with the tests in it that did. */
  readonly failed: ReadonlyMap<string, readonly string[]>;
}

/** Starts threads that never wait, so that tests have less of the processors. None outlives this process. */
export function startBusyThreads(count: string): void {
  if (!/^\d{1,2}$/.test(count)) throw new Error('--busy must be a number of threads');
  for (let busy = 0; busy < Number(count); busy++) new Worker('for (;;);', { eval: true });
}

/** Reads raw TAP: a line for each file, behind those of its tests, which are indented. */
export function readTap(text: string): Pick<SuiteRun, 'files' | 'failed'> {
  const failed = new Map<string, readonly string[]>();
  let files = 0;
  let tests: string[] = [];
  for (const line of text.split('\n')) {
    const [, indent, not, name] = /^( *)(not )?ok \d+(?: - (.*?))?(?: #.*| \{)?$/.exec(line) ?? [];
    if (indent === undefined) continue;
    if (indent === '') {
      files += 1;
      if (not) failed.set(name, tests);
      tests = [];
    } else if (not && indent.length === 4) tests.push(name);
  }
  return { files, failed };
}

async function runTap(node: string, args: readonly string[]): Promise<boolean> {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const child = spawn(node, [tap, ...args], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const end = () => child.kill();
  process.on('exit', end);
  const [code] = await once(child, 'exit');
  process.off('exit', end);
  return code === 0;
}

// A run that is ended takes tap along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/**
 * @param node the Node.js that runs tap, the tests and what they start
 * @param files paths such as dist/test/server.test.js; none is all
 */
export async function runSuite(node: string, files: readonly string[]): Promise<SuiteRun> {
  // tap leaves out what it does not find.
  const missing = files.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) throw new Error(`There is no ${missing.join(', ')}: name built files of dist/test`);
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-sampler-suite-'));
  const output = join(folder, 'output.tap');
  try {
    await runTap(node, ['build']);
    const startMs = performance.now();
    const isRight = await runTap(node, ['--reporter=terse', `--output-file=${output}`, ...files]);
    return { seconds: (performance.now() - startMs) / 1000, isRight, ...readTap(readFileSync(output, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
