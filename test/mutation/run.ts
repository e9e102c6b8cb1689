/**
 * `npm run test:mutation [-- src/access src/json/codec-instance.ts]`: changes the code in one place at a time, and says
 * which changes no test notices (docs/testing.md). Fails if the tests notice less than `scoreMin` percent.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';

const scoreMin = 90;

/** The folders, and the folder of the tests of each. */
const folders: Readonly<Record<string, string>> = {
  'src/access': 'test/access',
  'src/sampler/queue': 'test/sampler/queue',
  'src/json': 'test/json',
};

/** Tests that start a service or a process take a second. Those beside them say the same of the folder itself. */
const slow = ['access.test.js', 'key-file-process.test.js'];

const root = fileURLToPath(new URL('../../..', import.meta.url));

const testsIn = (folder: string) =>
  readdirSync(`${root}dist/${folder}`)
    .filter((name) => name.endsWith('.test.js') && !slow.includes(name))
    .map((name) => `dist/${folder}/${name}`);

/** @param path a folder of `folders`, or a file in one */
async function mutate(path: string): Promise<boolean> {
  const folder = Object.keys(folders).find((name) => path === name || path.startsWith(`${name}/`));
  if (folder === undefined) throw new Error(`${path} is in none of ${Object.keys(folders).join(', ')}.`);
  const report = `reports/mutation/${folder.replaceAll('/', '-')}`;
  const mutants = await new Stryker({
    mutate: path === folder ? [`${path}/**/*.ts`, '!**/assembly/**'] : [path],
    plugins: [fileURLToPath(new URL('./tap-runner.js', import.meta.url))],
    testRunner: 'tap-in-process',
    compiledTests: testsIn(folders[folder]),
    // All mutants are compiled at once.
    buildCommand: 'tsc --noCheck',
    // No file: Stryker reads it by TypeScript's JavaScript API, which TypeScript 7.0 does not have. The default can come
    // back with it: https://devblogs.microsoft.com/typescript/announcing-typescript-7-0/
    tsconfigFile: 'none',
    ignorePatterns: ['.tap', 'reports', 'docs/images'],
    coverageAnalysis: 'perTest',
    concurrency: availableParallelism(),
    timeoutMS: 3000,
    timeoutFactor: 2,
    incremental: true,
    incrementalFile: `${report}.json`,
    reporters: ['html', 'progress-append-only'],
    htmlReporter: { fileName: `${report}.html` },
    allowConsoleColors: false,
    logLevel: 'warn',
  } as ConstructorParameters<typeof Stryker>[0]).runMutationTest();
  return print(path, mutants);
}

/** @returns whether enough was noticed */
function print(path: string, mutants: readonly MutantResult[]): boolean {
  const count = (...statuses: string[]) => mutants.filter(({ status }) => statuses.includes(status)).length;
  const unnoticed = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  for (const mutant of unnoticed.sort(byPlace)) console.log(shown(mutant));
  const noticed = count('Killed', 'Timeout');
  const score = (100 * noticed) / (noticed + unnoticed.length);
  console.log(
    `${path}: ${score.toFixed(1)} % of ${noticed + unnoticed.length} mutants noticed, ${count('Timeout')} of them by ` +
      `time; ${count('Survived')} survive, ${count('NoCoverage')} are run by no test; ${count('Ignored')} ignored, ` +
      `${count('RuntimeError', 'CompileError', 'Pending')} wrong`,
  );
  return score >= scoreMin;
}

const byPlace = (a: MutantResult, b: MutantResult) =>
  a.fileName.localeCompare(b.fileName) ||
  a.location.start.line - b.location.start.line ||
  a.location.start.column - b.location.start.column;

function shown({ fileName, location: { start, end }, mutatorName, replacement, status }: MutantResult): string {
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  const line = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 100);
  const place = `${relative(root, fileName)}:${start.line}:${start.column}`;
  return `${place} ${status} ${mutatorName}: ${line(lines.join('\n'))} -> ${line(replacement ?? '')}`;
}

const { positionals } = parseArgs({ allowPositionals: true });
let isEnough = true;
for (const path of positionals.length > 0 ? positionals : Object.keys(folders)) {
  isEnough = (await mutate(path.replace(/\/$/, ''))) && isEnough;
}
process.exitCode = isEnough ? 0 : 1;
