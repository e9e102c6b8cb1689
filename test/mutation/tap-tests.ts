/**
 * Runs the tests of some test files many times in one process. A process for each would cost a second; most tests take
 * a millisecond.
 */
import type { EventLoopUtilization } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import type { Test as TapBody, TestBase } from 'tap';

export interface TapTest {
  readonly id: string;
  /** The compiled test file. */
  readonly file: string;
  readonly name: string;
  readonly body: (t: TapBody) => unknown;
}

// The root of tap would end this process after 30 s, and would tell its parent so, which is not tap.
const { send } = process;
delete process.send;
process.env.TAP_TIMEOUT = '0';
const { default: root, Test } = await import('tap');
if (send) process.send = send;

/** A property is tried for no longer, and its counterexample is not made smaller: a mutant must cost little. */
const propertyMsMax = 200;

/** How often, and how many times in a row, it is looked whether anything is left that a test could wait for. */
const idleCheckMs = 20;
const idleChecks = 5;

/** Loads test files, whose tests register instead of running. */
export async function loadTests(files: readonly string[]): Promise<readonly TapTest[]> {
  fc.configureGlobal({ seed: 1, endOnFailure: true, interruptAfterTimeLimit: propertyMsMax });
  const tests: TapTest[] = [];
  const ids = new Set<string>();
  for (const file of files) {
    const register = (name: string, body: (t: TapBody) => unknown) => {
      let id = `${file} > ${name}`;
      while (ids.has(id)) id += "'";
      ids.add(id);
      tests.push({ id, file, name, body });
      return Promise.resolve();
    };
    // What is left at the end of a file is a temporary folder.
    Object.assign(root, { test: register, teardown: () => {} });
    await import(pathToFileURL(file).href);
  }
  return tests;
}

/** Ends a test at its first assertion that fails. */
class Failed extends Error {}

/**
 * Runs a test until it ends, fails, or waits for something that cannot come.
 * @returns why it failed; undefined if it passed
 */
export async function runTest({ name, body }: TapTest): Promise<string | undefined> {
  const parent = new Test({ name: 'mutation', timeout: 0 });
  parent.resume();
  let failure: string | undefined;
  let expire = () => {};
  parent.once('subtestAdd', (added) => {
    const test = added as TestBase;
    const fail = test.fail.bind(test);
    const threw = test.threw.bind(test);
    test.fail = (...args) => {
      const isFirst = failure === undefined;
      failure ??= String(args[0] ?? 'an assertion');
      fail(...args);
      if (isFirst) throw new Failed(failure);
      return false;
    };
    test.threw = (error, ...more) => {
      failure ??= error instanceof Error ? error.message : String(error);
      return threw(error, ...more);
    };
    expire = () => {
      failure ??= 'it waits for something that cannot come';
      test.timeout();
    };
  });
  const watch = watchIdle(() => expire());
  const results = await parent.test(name, { name, timeout: 0 }, (test) => body(test as unknown as TapBody));
  clearInterval(watch);
  parent.end();
  return failure ?? (results?.ok ? undefined : 'it failed');
}

const countOf = (resources: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const resource of resources) counts[resource] = (counts[resource] ?? 0) + 1;
  return counts;
};

/** The threads that run, and how busy each was when it was last looked at. */
const threads = new Map<Worker, EventLoopUtilization>();
process.on('worker', (thread) => {
  threads.set(thread, thread.performance.eventLoopUtilization());
  thread.once('exit', () => threads.delete(thread));
});

/** Whether all threads have waited since the last call. A busy thread is no active resource of this one. */
function threadsWait(): boolean {
  let wait = true;
  for (const [thread, before] of threads) {
    const { idle, active } = thread.performance.eventLoopUtilization(before);
    threads.set(thread, thread.performance.eventLoopUtilization());
    if (idle === 0 || active > 1) wait = false;
  }
  return wait;
}

/** What keeps a process alive that runs no test: the channel to its parent, and its output. */
let atRest: Record<string, number> | undefined;

/** Calls back once nothing but microtasks could go on: then the promise of a test never settles. */
function watchIdle(stuck: () => void): NodeJS.Timeout {
  atRest ??= { ...countOf(process.getActiveResourcesInfo()), Timeout: 1, Immediate: 0 };
  const rest = atRest;
  let checks = 0;
  return setInterval(() => {
    const isIdle =
      threadsWait() &&
      Object.entries(countOf(process.getActiveResourcesInfo())).every(
        ([resource, count]) => count <= (rest[resource] ?? 0),
      );
    checks = isIdle ? checks + 1 : 0;
    if (checks === idleChecks) stuck();
  }, idleCheckMs);
}
