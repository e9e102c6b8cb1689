/**
 * The limit on open files of this process. A start below what it needs fails in the middle of loading some module, with
 * an error that names that module; this says what is wrong instead.
 */
import { readFileSync } from 'node:fs';

/**
 * Enough for a start. Node.js reads the modules of one import at once, and zod's core imports about fifty locales;
 * every worker then has its own modules to read. Once it serves, the service has 25 files open, 5 more for each further
 * worker, and one for each connection.
 */
export function openFilesMin(workers: number): number {
  return 116 + 12 * workers;
}

/**
 * Node.js raises the soft limit to the hard one before any script runs, so this is as much as there is. Undefined where
 * no /proc says it.
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

/** One line that says what is wrong with the limit, or undefined where nothing is known to be. */
export function tooFewOpenFiles(workers: number, filesMax: number | undefined = openFilesMax()): string | undefined {
  const filesMin = openFilesMin(workers);
  if (filesMax === undefined || filesMax >= filesMin) return undefined;
  return `the limit on open files (ulimit -n) is ${filesMax}; with ${workers} worker${workers === 1 ? '' : 's'} it must be at least ${filesMin}`;
}

/**
 * The same for an error of a start that ran out of files where the limit was not known, or something else had used it
 * up.
 */
export function ranOutOfFiles(error: unknown): string | undefined {
  if (!/\b(EMFILE|ENFILE)\b|too many open files/i.test(String(error))) return undefined;
  return `the limit on open files (ulimit -n) is too low; with 1 worker it must be at least ${openFilesMin(1)}`;
}
