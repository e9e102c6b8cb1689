/**
 * Whether counts follow probabilities: Pearson's chi-square test, and simultaneous intervals for what is drawn.
 * float64; the tail of chi-square errs by less than 2e-7 of itself, as erfc does.
 */

export interface ChiSquare {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  /** The chance of a statistic at least as large, if the counts do follow the probabilities. */
  readonly pValue: number;
  /** How many categories were expected too rarely to be tested alone, and were counted together. */
  readonly pooled: number;
}

/** Below so many expected counts the distribution of the statistic is no longer chi-square (Cochran 1954). */
const expectedMin = 5;

/** Undefined when fewer than two categories are expected often enough. */
export function chiSquare(counts: readonly number[], probabilities: readonly number[]): ChiSquare | undefined {
  const draws = counts.reduce((sum, count) => sum + count, 0);
  const cells = probabilities.map((p, k) => ({ expected: p * draws, count: counts[k] }));
  const kept = cells.filter(({ expected }) => expected >= expectedMin);
  const rare = cells.filter(({ expected }) => expected < expectedMin);
  if (rare.length > 0) kept.push(pool(rare));
  // A pool that is still too rare is added to the smallest of the others.
  kept.sort((a, b) => b.expected - a.expected);
  while (kept.length > 1 && (kept.at(-1)?.expected as number) < expectedMin) kept.push(pool(kept.splice(-2)));
  if (kept.length < 2) return undefined;
  const statistic = kept.reduce((sum, { expected, count }) => sum + (count - expected) ** 2 / expected, 0);
  const degreesOfFreedom = kept.length - 1;
  return { statistic, degreesOfFreedom, pValue: chiSquareTail(statistic, degreesOfFreedom), pooled: rare.length };
}

interface Cell {
  readonly expected: number;
  readonly count: number;
}

function pool(cells: readonly Cell[]): Cell {
  return cells.reduce((sum, { expected, count }) => ({ expected: sum.expected + expected, count: sum.count + count }));
}

/** P(X >= x) for chi-square with a whole number of degrees of freedom, by Q(x, n + 2) = Q(x, n) + its next term. */
export function chiSquareTail(x: number, degreesOfFreedom: number): number {
  const odd = degreesOfFreedom % 2 === 1;
  let tail = odd ? erfc(Math.sqrt(x / 2)) : Math.exp(-x / 2);
  // (x / 2)^(n / 2) exp(-x / 2) / gamma(n / 2 + 1), from n = 1 or 2 upwards.
  let term = odd ? Math.sqrt((2 * x) / Math.PI) * Math.exp(-x / 2) : (x / 2) * Math.exp(-x / 2);
  for (let n = odd ? 1 : 2; n < degreesOfFreedom; n += 2) {
    tail += term;
    term *= x / (n + 2);
  }
  return tail;
}

/**
 * The complementary error function for x >= 0; relative error below 1.2e-7 (Press et al., Numerical Recipes, erfcc).
 */
export function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return t * Math.exp(-x * x + polynomial);
}

/** Normal quantiles at 1 - 0.05 / (2 K) for K = 2 .. 8 (Bonferroni): all K intervals hold together in 95 % of seeds. */
export const simultaneousQuantiles: readonly number[] = [2.2414, 2.394, 2.4977, 2.5758, 2.6383, 2.6901, 2.7344];

/** How far the frequency of a category may be from its probability, all K categories taken together. */
export function simultaneousHalfWidth(probability: number, draws: number, categories: number): number {
  const quantile = simultaneousQuantiles[categories - 2];
  return quantile * Math.sqrt((probability * (1 - probability)) / draws);
}
