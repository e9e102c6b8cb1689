/** View 1: softmax with temperature, which has no noise: one answer. */
import { bars } from './bars.js';
import { exact, percent, short } from './format.js';
import type { Definition } from './live-view.js';
import { softmaxRequest } from './requests.js';

export const softmaxView: Definition = {
  id: 'softmax',
  asks: (state) => [{ request: softmaxRequest(state), label: 'Softmax, without noise' }],
  draws: ({ logits, temperature }, [reply], width) => {
    const values: readonly number[] = reply?.samples ?? [];
    const first = values.indexOf(Math.max(...values));
    const says = `At temperature ${short(temperature)} category ${first} gets ${percent(values[first])}, whatever the seed.`;
    const list = values.map((value, k) => `category ${k} ${short(value)}`).join(', ');
    const all = values.map((value) => ({ value, text: short(value) }));
    return {
      figure: bars(all, width, `Bar chart of softmax with temperature ${short(temperature)}: ${list}.`),
      says,
      table: {
        caption: `softmax(logits / ${exact(temperature)})`,
        head: ['Category', 'Logit', 'Softmax'],
        rows: values.map((value, k) => [String(k), exact(logits[k]), exact(value)]),
      },
    };
  },
};
