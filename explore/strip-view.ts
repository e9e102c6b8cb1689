/** View 2: a strip of draws with Gumbel noise; one of them is replayed by its seed and number. */
import type { Replayable } from '@gumbel-sampler/client/noise';
import { html, svg } from './dom.js';
import { exact, grouped, short } from './format.js';
import type { Definition } from './live-view.js';
import { replayRequest, stripRequest } from './requests.js';
import type { Reply } from './service.js';
import { type State, stripLength } from './state.js';

const height = 72;
const columnWidth = 26;

export function stripView(choose: (sample: number) => void, drawn: (draw: Replayable) => void): Definition {
  return {
    id: 'strip',
    asks: (state) => [
      { request: stripRequest(state), label: `Samples ${grouped(state.first)} to ${grouped(state.first + 11)}` },
      { request: replayRequest(state), label: `Sample ${grouped(state.sample)} by itself` },
    ],
    draws: (state, [strip, replay]) => {
      const samples: readonly (readonly number[])[] = strip?.samples ?? [];
      const indices: readonly number[] = strip?.indices ?? [];
      const alone: readonly number[] = replay?.samples ?? [];
      if (strip) drawn(replayableOf(state, strip));
      const items = samples.map((sample, at) => item(state, sample, indices[at], state.first + at, choose));
      const head = ['Sample', 'Winner', ...state.logits.map((_, k) => `Category ${k}`)];
      return {
        figure: html('ol', { class: 'strip', 'aria-label': 'Draws' }, ...items),
        says: replayed(state, alone, samples[state.sample - state.first] ?? []),
        table: {
          caption: `Samples of seed ${state.seed} at temperature ${exact(state.temperature)}`,
          head,
          rows: samples.map((sample, at) => [String(state.first + at), String(indices[at]), ...sample.map(exact)]),
        },
      };
    },
  };
}

function replayableOf(state: State, { samples, indices, noise, noise_version: noiseVersion }: Reply): Replayable {
  const { logits, temperature, hard, seed, first } = state;
  const terms = { logits, temperature, hard, seed, numSamples: stripLength, sampleOffset: first, noiseVersion };
  return { ...terms, samples, indices, noise };
}

function replayed({ seed, sample, hard }: State, alone: readonly number[], inStrip: readonly number[]): string {
  const same = alone.length === inStrip.length && alone.every((value, k) => value === inStrip[k]);
  const kind = hard ? 'one-hot sample' : 'sample';
  const values = alone.map(short).join(', ');
  const verdict = same ? 'the same bits as in the strip' : 'not what the strip shows, which should never happen';
  return `Seed ${seed}, ${kind} ${grouped(sample)}, drawn again by itself: ${values}. ${same ? 'These are' : 'This is'} ${verdict}.`;
}

function item(
  state: State,
  sample: readonly number[],
  index: number,
  number: number,
  choose: (sample: number) => void,
): HTMLLIElement {
  const says = `Sample ${number}: category ${index} wins; ${sample.map(short).join(', ')}`;
  const button = html(
    'button',
    {
      type: 'button',
      'data-key': `sample-${number}`,
      'aria-pressed': String(number === state.sample),
      'aria-label': says,
    },
    column(sample),
    html('span', {}, `#${grouped(number)}`),
  );
  button.addEventListener('click', () => choose(number));
  return html('li', {}, button);
}

/** A sample as a column of its shares, category 0 at the bottom. */
function column(sample: readonly number[]): SVGElement {
  let bottom = height;
  const shares = sample.map((value, k) => {
    const share = value * height;
    bottom -= share;
    return svg('rect', { class: `f${k}`, x: 0, y: Math.max(bottom, 0), width: columnWidth, height: share });
  });
  const attributes = { width: columnWidth, height, viewBox: `0 0 ${columnWidth} ${height}`, 'aria-hidden': 'true' };
  return svg('svg', attributes, svg('rect', { class: 'track', width: columnWidth, height }), ...shares);
}
