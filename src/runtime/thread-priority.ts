/**
 * Lets the thread that calls give way where CPUs are short. A refusal or a probe takes the HTTP thread a fraction of a
 * millisecond, which must not wait for a draw to use up its time slice; draws take all the CPU that is left either way.
 * Only Linux gives threads a niceness of their own; elsewhere nothing happens.
 */
import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** At 5 a thread has about a third of the share of one at 0, where both want the same CPU. */
export const workerNiceness = 5;

export function lowerThreadPriority(): void {
  try {
    // The link of the calling thread: <process>/task/<thread>.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.min(getPriority(thread) + workerNiceness, constants.priority.PRIORITY_LOW));
  } catch {
    // No Linux, or a sandbox that keeps threads from it: draws are the same at any niceness.
  }
}
