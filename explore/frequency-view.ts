/** View 3: how often each category wins, next to softmax(logits), and whether the two agree. */
import { bars } from './bars.js';
import { exact, grouped, percent, short } from './format.js';
import type { Definition } from './live-view.js';
import { countRequest, probabilitiesRequest } from './requests.js';
import { type ChiSquare, chiSquare, simultaneousHalfWidth } from './statistics.js';

/** One seed in a hundred is called into question though it is right. */
const doubtBelow = 0.01;

export const frequencyView: Definition = {
  id: 'frequency',
  asks: (state) => [
    { request: countRequest(state), label: `Wins in ${grouped(state.draws)} draws`, counting: true },
    { request: probabilitiesRequest(state), label: 'softmax(logits)' },
  ],
  draws: ({ logits, draws, seed }, [drawn, expected], width) => {
    const counts = countsOf(drawn?.indices ?? [], logits.length);
    const probabilities: readonly number[] = expected?.samples ?? [];
    const all = counts.map((count, k) => {
      const at = probabilities[k];
      const halfWidth = simultaneousHalfWidth(at, draws, logits.length);
      return { value: count / draws, text: percent(count / draws), mark: { at, halfWidth } };
    });
    const list = all.map(({ text, mark }, k) => `category ${k} ${text}, expected ${percent(mark.at)}`).join('; ');
    return {
      figure: bars(all, width, `Bar chart of how often each category won in ${grouped(draws)} draws: ${list}.`),
      says: verdict(chiSquare(counts, probabilities)),
      table: {
        caption: `Wins in ${grouped(draws)} draws of seed ${seed}; the error holds for all categories at once in 95 % of seeds`,
        head: ['Category', 'Wins', 'Frequency', 'softmax(logits)', 'Sampling error'],
        rows: all.map(({ value, mark }, k) => [
          String(k),
          String(counts[k]),
          exact(value),
          exact(mark.at),
          `± ${short(mark.halfWidth)}`,
        ]),
      },
    };
  },
};

function countsOf(indices: readonly number[], categories: number): number[] {
  const counts = Array.from({ length: categories }, () => 0);
  for (const index of indices) counts[index] = counts[index] + 1;
  return counts;
}

function verdict(test: ChiSquare | undefined): string {
  if (!test) return 'Too few draws of all but one category to tell whether they agree: choose more draws.';
  const { statistic, degreesOfFreedom, pValue, pooled } = test;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  const freedom = `${degreesOfFreedom} degree${degreesOfFreedom === 1 ? '' : 's'} of freedom`;
  const figures = `chi-square ${short(statistic)} with ${freedom}, ${p}`;
  const rare = pooled > 0 ? ' Categories expected less than 5 times are counted together.' : '';
  if (pValue >= doubtBelow) return `They agree: ${figures}.${rare}`;
  return `They disagree: ${figures}. Chance alone does this to one seed in ${grouped(Math.round(1 / pValue))}: try another.${rare}`;
}
