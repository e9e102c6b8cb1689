/**
 * Raises the niceness of worker threads, so that the HTTP thread is scheduled first where CPUs are short. A refusal or
 * a probe takes the HTTP thread a fraction of a millisecond, and must not wait for the time slice of a draw. Draws get
 * all CPU that is left in any case. Only Linux has a niceness for each thread; elsewhere nothing happens.
 */
import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** On one CPU a thread of niceness 5 gets about a third of the time of a thread of niceness 0. */
export const workerNiceness = 5;

/** Applies to the calling thread, and to threads that it starts afterwards. */
export function lowerThreadPriority(): void {
  try {
    // The link reads <process>/task/<thread>.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.min(getPriority(thread) + workerNiceness, constants.priority.PRIORITY_LOW));
  } catch {
    // Not Linux, or a sandbox forbids it. Draws are correct at any niceness.
  }
}
