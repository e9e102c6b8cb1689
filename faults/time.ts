/**
 * Waiting in the fault tests: load takes time to be offered. No check depends on how long anything took on a busy
 * machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export function pause(ms: number): Promise<void> {
  return sleep(ms);
}

/**
 * Runs `action` again and again, `periodMs` after it has ended. The function that comes back ends that, and rethrows
 * what it threw.
 */
export function every(periodMs: number, action: () => Promise<void>): () => Promise<void> {
  let over = false;
  const running = (async () => {
    while (!over) {
      await action();
      await sleep(periodMs);
    }
  })();
  // An error is for whoever ends the repetition.
  running.catch(() => {});
  return () => {
    over = true;
    return running;
  };
}

/**
 * Resolves once `condition` holds.
 *
 * @throws {Error} when it does not within `msMax`
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, msMax = 30_000): Promise<void> {
  const endMs = performance.now() + msMax;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`After ${msMax} ms it was still not true that ${what}`);
    await sleep(10);
  }
}
