/**
 * `npm run test:mutation [-- src/access src/json/codec-instance.ts]`: changes the code in one place at a time, and says
 * which changes no test notices (docs/testing.md). Fails if the tests notice less than `scoreMin` percent.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { isUnnoticed } from './survivors.js';

const scoreMin = 90;

/** The folders, and the folder of the tests of each. */
const folders: Readonly<Record<string, string>> = {
  'src/access': 'test/access',
  'src/sampler/queue': 'test/sampler/queue',
  'src/json': 'test/json',
};

/** Tests that start a service or a process take a second. Those beside them say the same of the folder itself. */
const slowFiles = ['access.test.js', 'key-file-process.test.js'];

/** Tests that take seconds for all of their cases, and one that counts how many cases it has gone through. */
const slowTests = [
  'every family of hard decimals parses to the bits of Math.fround(JSON.parse)',
  'the memory for parsing is at most 8 bytes for each byte of text, whatever its shape',
  'a step of the scan does the work of at most two slices, and at most 32 KiB outside the arrays',
  'a number of a million digits is rounded correctly',
  'numbers longer than a slice parse to the same bits',
  'ten million random bit patterns read back to the same bits, in the notation of JavaScript',
  'the text is the shortest there is, and the nearest of the shortest',
  'large arrays come in slices of at most 64 KiB that join to the whole, whatever prints in between',
  'arrays of any rank up to nine are matrices, ragged or left to JSON.parse, at every slice size',
];

const root = fileURLToPath(new URL('../../..', import.meta.url));

const testsIn = (folder: string) =>
  readdirSync(`${root}dist/${folder}`)
    .filter((name) => name.endsWith('.test.js') && !slowFiles.includes(name))
    .map((name) => `dist/${folder}/${name}`);

/** @param path a folder of `folders`, or a file in one */
async function mutate(path: string): Promise<boolean> {
  const folder = Object.keys(folders).find((name) => path === name || path.startsWith(`${name}/`));
  if (folder === undefined) throw new Error(`${path} is in none of ${Object.keys(folders).join(', ')}.`);
  const report = `reports/mutation/${folder.replaceAll('/', '-')}`;
  const mutants = await new Stryker({
    mutate: path === folder ? [`${path}/**/*.ts`, '!**/assembly/**'] : [path],
    plugins: ['./tap-runner.js', './survivors.js'].map((name) => fileURLToPath(new URL(name, import.meta.url))),
    testRunner: 'tap-in-process',
    compiledTests: testsIn(folders[folder]),
    slowTests,
    // All mutants are compiled at once.
    buildCommand: 'tsc --noCheck',
    // No file: Stryker reads it by TypeScript's JavaScript API, which TypeScript 7.0 does not have. The default can
    // come back with it: https://devblogs.microsoft.com/typescript/announcing-typescript-7-0/
    tsconfigFile: 'none',
    ignorePatterns: ['.tap', 'reports', 'docs/images'],
    coverageAnalysis: 'perTest',
    dryRunTimeoutMinutes: 30,
    concurrency: availableParallelism(),
    timeoutMS: 3000,
    timeoutFactor: 2,
    incremental: true,
    incrementalFile: `${report}.json`,
    reporters: ['html', 'survivors', 'progress-append-only'],
    htmlReporter: { fileName: `${report}.html` },
    allowConsoleColors: false,
    logLevel: 'warn',
  } as ConstructorParameters<typeof Stryker>[0]).runMutationTest();
  return print(path, mutants);
}

/** @returns whether enough was noticed */
function print(path: string, mutants: readonly MutantResult[]): boolean {
  const count = (...statuses: string[]) => mutants.filter(({ status }) => statuses.includes(status)).length;
  const unnoticed = mutants.filter(isUnnoticed).length;
  const noticed = count('Killed', 'Timeout');
  const score = (100 * noticed) / (noticed + unnoticed);
  console.log(
    `${path}: ${score.toFixed(1)} % of ${noticed + unnoticed} mutants noticed, ${count('Timeout')} of them by ` +
      `time; ${count('Survived')} survive, ${count('NoCoverage')} are run by no test; ${count('Ignored')} ignored, ` +
      `${count('RuntimeError', 'CompileError', 'Pending')} wrong`,
  );
  return score >= scoreMin;
}

const { positionals } = parseArgs({ allowPositionals: true });
let isEnough = true;
for (const path of positionals.length > 0 ? positionals : Object.keys(folders)) {
  isEnough = (await mutate(path.replace(/\/$/, ''))) && isEnough;
}
process.exitCode = isEnough ? 0 : 1;
