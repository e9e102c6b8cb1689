/**
 * A test runner of Stryker that keeps its process: all mutants are in the code, and a global variable says which one is
 * active. Only a mutant of what runs while a module is loaded needs a process of its own, and so does what comes after
 * a mutant that has broken the state of a module.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext, type StrykerOptions } from '@stryker-mutator/api/core';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  MutantRunStatus,
  type TestResult,
  type TestRunner,
  TestStatus,
} from '@stryker-mutator/api/test-runner';
import { loadTests, runTest, type TapTest } from './tap-tests.js';

/** Milliseconds of each test in the first run, in the sandbox: every process tries the quick tests first. */
const timesFile = 'test-times.json';

/** Tests that take less are run once more without the mutant that they found. */
const quickMs = 100;

interface RunnerOptions {
  /** Compiled test files, from the root of the project. */
  readonly compiledTests: readonly string[];
  /** Names of tests that are left out. */
  readonly slowTests: readonly string[];
}

class TapRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options);
  readonly #options: RunnerOptions;
  readonly #context: InstrumenterContext;
  #tests: readonly TapTest[] = [];
  #times: Record<string, number> = {};
  #isBroken = false;

  constructor(options: StrykerOptions) {
    this.#options = options as unknown as RunnerOptions;
    const globals = globalThis as unknown as Record<string, InstrumenterContext>;
    globals[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {};
    this.#context = globals[INSTRUMENTER_CONSTANTS.NAMESPACE];
    // Removed with the sandbox, together with the folders of tests that did not end.
    process.env.TMPDIR = join(process.cwd(), 'tmp');
    mkdirSync(process.env.TMPDIR, { recursive: true });
  }

  capabilities() {
    return { reloadEnvironment: false };
  }

  async dryRun(): Promise<DryRunResult> {
    await this.#load();
    const results: TestResult[] = [];
    for (const test of this.#tests) {
      this.#context.currentTestId = test.id;
      const startMs = performance.now();
      const failureMessage = await runTest(test);
      const timeSpentMs = Math.round(performance.now() - startMs);
      const fileName = test.file.replace(/\/dist\/(.*)\.js$/, '/$1.ts');
      const result = { id: test.id, name: test.name, timeSpentMs, fileName };
      results.push(
        failureMessage === undefined
          ? { ...result, status: TestStatus.Success }
          : { ...result, status: TestStatus.Failed, failureMessage },
      );
      this.#times[test.id] = timeSpentMs;
    }
    delete this.#context.currentTestId;
    writeFileSync(timesFile, JSON.stringify(this.#times));
    const { mutantCoverage } = this.#context;
    return { status: DryRunStatus.Complete, tests: results, ...(mutantCoverage && { mutantCoverage }) };
  }

  async mutantRun({
    activeMutant,
    mutantActivation,
    testFilter,
    hitLimit,
  }: MutantRunOptions): Promise<MutantRunResult> {
    // Stryker then tries again in a new process.
    if (this.#isBroken) throw new Error('A mutant has broken the state of this process.');
    const isFresh = this.#tests.length === 0;
    const isStatic = mutantActivation === 'static';
    if (isStatic) this.#activate(activeMutant.id);
    if (isFresh) await this.#load();
    const filter = testFilter && new Set(testFilter);
    const tests = this.#tests.filter(({ id }) => filter?.has(id) ?? true).sort((a, b) => this.#ms(a) - this.#ms(b));
    this.#activate(activeMutant.id, hitLimit);
    for (const [index, test] of tests.entries()) {
      const failureMessage = await runTest(test);
      if (failureMessage === undefined) continue;
      const { hitCount } = this.#context;
      this.#activate(undefined);
      const reachedLimit = determineHitLimitReached(hitCount, hitLimit);
      if (!isStatic) {
        // The mutant is found if the test passes without it. Else something is left of it, or of one before it.
        const [again] = this.#ms(test) < quickMs ? [test] : tests;
        this.#isBroken = (await runTest(again)) !== undefined;
        if (this.#isBroken && !isFresh) throw new Error('A mutant has broken the state of this process.');
      }
      if (reachedLimit) return { status: MutantRunStatus.Timeout, reason: reachedLimit.reason ?? '' };
      return { status: MutantRunStatus.Killed, failureMessage, killedBy: [test.id], nrOfTests: index + 1 };
    }
    this.#activate(undefined);
    return { status: MutantRunStatus.Survived, nrOfTests: tests.length };
  }

  async #load(): Promise<void> {
    const { compiledTests, slowTests } = this.#options;
    const tests = await loadTests(compiledTests.map((file) => join(process.cwd(), file)));
    this.#tests = tests.filter(({ name }) => !slowTests.includes(name));
    try {
      this.#times = JSON.parse(readFileSync(timesFile, 'utf8'));
    } catch {
      // The first run writes it.
    }
  }

  #ms({ id }: TapTest): number {
    return this.#times[id] ?? 0;
  }

  /** Here, and in the threads and processes that tests start. */
  #activate(mutant: string | undefined, hitLimit?: number): void {
    // Instrumented code counts the hits of the active mutant, and throws beyond the limit: its loop would never end.
    Object.assign(this.#context, { activeMutant: mutant, hitCount: hitLimit && 0, hitLimit });
    const variable = INSTRUMENTER_CONSTANTS.ACTIVE_MUTANT_ENV_VARIABLE;
    if (mutant === undefined) delete process.env[variable];
    else process.env[variable] = mutant;
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'tap-in-process', TapRunner)];

export const strykerValidationSchema = {
  properties: {
    compiledTests: { type: 'array', items: { type: 'string' } },
    slowTests: { type: 'array', items: { type: 'string' } },
  },
};
