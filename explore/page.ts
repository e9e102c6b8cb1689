/** The page: one state, shown by the controls, the views and the address bar, and changed by the reader. */

import { Annealing } from './annealing.js';
import { listenToKey } from './api-key.js';
import { type Change, Controls } from './controls.js';
import { listenToDock } from './dock.js';
import { byId } from './dom.js';
import { frequencyView } from './frequency-view.js';
import { gradientView } from './gradient-view.js';
import { LiveView } from './live-view.js';
import { softmaxView } from './softmax-view.js';
import { readAddress, type State, withCategories, withSampleInStrip, writeAddress } from './state.js';
import { stripView } from './strip-view.js';
import { triangleView } from './triangle-view.js';
import { Verification } from './verification.js';

/** Browsers refuse an address that changes hundreds of times in half a minute. */
const addressPauseMs = 200;

const { state: shared, unread } = readAddress(location.search);
let state: State = shared;
let addressTimer: ReturnType<typeof setTimeout> | undefined;

const verification = new Verification();
const views = [
  softmaxView,
  stripView(
    (sample) => change((now) => ({ ...now, sample })),
    (draw) => verification.show(draw),
  ),
  frequencyView,
  triangleView(() => change((now) => withCategories(now, 3))),
  gradientView,
].map((definition) => new LiveView(definition));
const controls = new Controls((made) => {
  annealing.stop();
  change(made);
});
const annealing = new Annealing(
  () => state,
  (temperature) => change((now) => ({ ...now, temperature })),
);

function change(made: Change): void {
  state = withSampleInStrip(made(state));
  byId('notice').hidden = true;
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => history.replaceState(null, '', writeAddress(state)), addressPauseMs);
  show();
}

function show(): void {
  controls.show(state);
  verification.show(undefined);
  for (const view of views) view.update(state);
}

listenToDock();
listenToKey(() => {
  for (const view of views) view.refresh();
});
if (unread.length > 0) {
  const notice = byId('notice');
  notice.hidden = false;
  notice.textContent = `The address has no valid ${unread.join(', ')}; the page starts with its own.`;
}
show();

let width = innerWidth;
addEventListener('resize', () => {
  // Phones resize by height whenever their address bar comes and goes.
  if (innerWidth === width) return;
  width = innerWidth;
  for (const view of views) view.refresh();
});
