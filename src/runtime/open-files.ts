/**
 * The limit on open files of this process. A start below what it needs fails in the middle of loading some module, with an error that
 * names that module; this says what is wrong instead.
 */
import { readFileSync } from 'node:fs';

/**
 * Node.js 20 reads the modules of one import at once, and zod's core imports about fifty locales: a start needs up to 108 open files there, and
 * fewer than 48 from Node.js 22.15 on. Running it takes 25, 5 for each further worker, and one for each connection.
 */
export const openFilesMin = 128;

/** Node.js raises the soft limit to the hard one before any script runs, so this is as much as there is. Undefined where no /proc says it. */
export function openFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    if (soft === undefined) return undefined;
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}

/** One line that says what is wrong with the limit, or undefined where nothing is known to be. */
export function tooFewOpenFiles(filesMax: number | undefined = openFilesMax()): string | undefined {
  if (filesMax === undefined || filesMax >= openFilesMin) return undefined;
  return `the limit on open files (ulimit -n) is ${filesMax}, and the service needs at least ${openFilesMin}`;
}

/** The same for an error of a start that ran out of files where the limit was not known, or something else had used it up. */
export function ranOutOfFiles(error: unknown): string | undefined {
  if (!/\b(EMFILE|ENFILE)\b|too many open files/i.test(String(error))) return undefined;
  const filesMax = openFilesMax();
  const limit = filesMax === undefined ? '' : `, which is ${filesMax}`;
  return `it ran out of open files: raise their limit (ulimit -n)${limit}; at least ${openFilesMin} are needed`;
}
