/** What preload/turns.js writes, for the scenario that reads it. */

/** Turns below this are not of interest. */
export const turnMsMin = 0.5;

export const turnLine = (ms: number): string => `a turn of ${ms.toFixed(2)} ms`;

/** The milliseconds that a line tells, or undefined where it is another line. */
export function turnMsOf(line: string): number | undefined {
  const found = /^a turn of ([\d.]+) ms$/.exec(line)?.[1];
  return found === undefined ? undefined : Number(found);
}
