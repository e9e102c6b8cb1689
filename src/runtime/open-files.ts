/**
 * Checks the limit on open files (ulimit -n). If it is too low, loading some module fails at the start, and the error
 * names that module and not the limit. These functions name the limit.
 */
import { readFileSync } from 'node:fs';

/** What a worker opens while it starts: its modules (33) all at once, and seven files more, five of which it keeps. */
export const workerFilesMax = 48;

/**
 * The limit that a start needs. Node.js opens all modules of one import at once, and zod's core imports about fifty
 * locales: 97 files. Then the workers start, each of which loads its own modules, on many cores all in the same moment.
 * A running service needs fewer, plus one for each connection: docs/operations.md, "Open files".
 */
export function openFilesMin(workers: number): number {
  return Math.max(128, 32 + workerFilesMax * workers);
}

/**
 * The soft limit of this process. Node.js raises it to the hard limit before any script runs. Undefined without /proc.
 */
function openFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    if (soft === undefined) return undefined;
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}

/** An error text of one line if the limit is too low. Undefined if it is not, or is not known. */
export function tooFewOpenFiles(workers: number, filesMax: number | undefined = openFilesMax()): string | undefined {
  if (filesMax === undefined || filesMax >= openFilesMin(workers)) return undefined;
  return `the limit on open files (ulimit -n) is ${filesMax}; ${requirement(workers)}`;
}

/**
 * An error text of one line if `error` says that the process or the system ran out of files. For a start that fails
 * although the limit looked sufficient, or was not known.
 */
export function ranOutOfFiles(error: unknown, workers: number): string | undefined {
  if (!/\b(EMFILE|ENFILE)\b|too many open files/i.test(String(error))) return undefined;
  return `the limit on open files (ulimit -n) is too low; ${requirement(workers)}`;
}

function requirement(workers: number): string {
  return `with ${workers} worker${workers === 1 ? '' : 's'} it must be at least ${openFilesMin(workers)}`;
}
