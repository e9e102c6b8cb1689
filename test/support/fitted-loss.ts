/**
 * What the examples' fit must reach, and how it is read from what they print.
 *
 * Bound. Counting the n = 128 samples of a single step gives frequencies f with E|f - target|^2 = sum over the
 * variables of (1 - |target|^2) / n: (1 - 0.52) + (1 - 0.30) + (1 - 0.375) = 1.805, over 128. Gradient descent averages
 * over many steps, so it must come closer to the target than that; a model that did not learn stays at 0.36.
 */
export const lossBound = 1.805 / 128;

/** The losses printed, first to last. */
export function lossesOf(output: string): number[] {
  return [...output.matchAll(/^step +\d+ {2}loss (\S+)$/gm)].map(([, loss]) => Number(loss));
}
