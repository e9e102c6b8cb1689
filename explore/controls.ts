/**
 * The form: shows a state, and says what the reader changed. What cannot be is marked in its field and changes nothing.
 */
import { byId, html } from './dom.js';
import { exact, grouped, short } from './format.js';
import {
  categoriesMax,
  categoriesMin,
  drawsChoices,
  type Estimator,
  estimators,
  initialState,
  moveStrip,
  readLogit,
  readSeed,
  readTemperature,
  type State,
  withCategories,
} from './state.js';

export type Change = (state: State) => State;

const temperatureProblem = 'Needs a number from 0.000001 to 1000000. For exact one-hot samples use hard.';
const seedProblem = 'Needs a whole number from 0 to 18446744073709551615.';
const logitProblem = 'Needs a number from -100 to 100.';

export class Controls {
  readonly #changed: (change: Change) => void;
  readonly #temperature = byId<HTMLInputElement>('temperature');
  readonly #slider = byId<HTMLInputElement>('temperature-slider');
  readonly #seed = byId<HTMLInputElement>('seed');
  readonly #hard = byId<HTMLInputElement>('hard');
  readonly #draws = byId<HTMLSelectElement>('draws');
  readonly #estimator = byId<HTMLSelectElement>('estimator');
  readonly #categories = byId<HTMLSelectElement>('categories');
  readonly #earlier = byId<HTMLButtonElement>('earlier');
  readonly #rows: LogitRow[] = [];

  constructor(changed: (change: Change) => void) {
    this.#changed = changed;
    for (let k = categoriesMin; k <= categoriesMax; k++) this.#categories.append(html('option', {}, String(k)));
    for (const draws of drawsChoices) this.#draws.append(html('option', { value: draws }, grouped(draws)));
    for (const name of estimators) this.#estimator.append(html('option', {}, name));
    this.#listenToTemperature();
    this.#listenToSeed();
    this.#hard.addEventListener('change', () => changed((state) => ({ ...state, hard: this.#hard.checked })));
    this.#draws.addEventListener('change', () => changed((state) => ({ ...state, draws: Number(this.#draws.value) })));
    this.#estimator.addEventListener('change', () => {
      changed((state) => ({ ...state, estimator: this.#estimator.value as Estimator }));
    });
    this.#categories.addEventListener('change', () => {
      changed((state) => withCategories(state, Number(this.#categories.value)));
    });
    this.#earlier.addEventListener('click', () => changed((state) => moveStrip(state, -1)));
    byId('later').addEventListener('click', () => changed((state) => moveStrip(state, 1)));
    byId('reset').addEventListener('click', () => changed(() => initialState));
    byId('controls').addEventListener('submit', (event) => event.preventDefault());
  }

  show(state: State): void {
    while (this.#rows.length > state.logits.length) this.#rows.pop()?.element.remove();
    while (this.#rows.length < state.logits.length) this.#addRow(this.#rows.length);
    for (const [k, row] of this.#rows.entries()) row.show(state.logits[k]);
    this.#categories.value = String(state.logits.length);
    showValue(this.#temperature, exact(state.temperature), readTemperature);
    this.#slider.value = String(Math.log10(state.temperature));
    this.#slider.setAttribute('aria-valuetext', short(state.temperature));
    showValue(this.#seed, state.seed, readSeed);
    this.#hard.checked = state.hard;
    this.#draws.value = String(state.draws);
    this.#estimator.value = state.estimator;
    this.#earlier.disabled = state.first === 0;
    markProblem(this.#temperature, byId('temperature-problem'), undefined);
    markProblem(this.#seed, byId('seed-problem'), undefined);
  }

  #addRow(k: number): void {
    const row = new LogitRow(k, (logit) => {
      this.#changed((state) => ({ ...state, logits: state.logits.with(k, logit) }));
    });
    this.#rows.push(row);
    byId('logit-rows').append(row.element);
  }

  #listenToTemperature(): void {
    this.#slider.addEventListener('input', () => {
      // Three digits are as fine as the slider is.
      const temperature = Number((10 ** Number(this.#slider.value)).toPrecision(3));
      this.#changed((state) => ({ ...state, temperature }));
    });
    this.#temperature.addEventListener('input', () => {
      const temperature = readTemperature(this.#temperature.value);
      if (temperature === undefined) markProblem(this.#temperature, byId('temperature-problem'), temperatureProblem);
      else this.#changed((state) => ({ ...state, temperature }));
    });
  }

  #listenToSeed(): void {
    this.#seed.addEventListener('input', () => {
      const seed = readSeed(this.#seed.value);
      if (seed === undefined) markProblem(this.#seed, byId('seed-problem'), seedProblem);
      else this.#changed((state) => ({ ...state, seed }));
    });
    byId('new-seed').addEventListener('click', () => {
      const [seed] = crypto.getRandomValues(new Uint32Array(1));
      this.#changed((state) => ({ ...state, seed: String(seed) }));
    });
  }
}

/** One logit, as a slider and as a number. */
class LogitRow {
  readonly element: HTMLElement;
  readonly #slider: HTMLInputElement;
  readonly #number: HTMLInputElement;
  readonly #problem: HTMLElement;

  constructor(k: number, changed: (logit: number) => void) {
    const [problemId, label] = [`logit-${k}-problem`, `Logit ${k}`];
    const range = { type: 'range', min: -5, max: 5, step: 0.1, 'aria-label': `${label}, slider` };
    this.#slider = html('input', { ...range, id: `logit-${k}-slider` });
    const field = { type: 'number', min: -100, max: 100, step: 'any', 'aria-label': label };
    this.#number = html('input', { ...field, id: `logit-${k}`, 'aria-describedby': problemId });
    this.#problem = html('p', { id: problemId, class: 'problem', hidden: '' });
    const swatch = html('span', { class: `swatch f${k}`, 'aria-hidden': 'true' }, String(k));
    this.element = html('div', {}, html('div', { class: 'logit' }, swatch, this.#slider, this.#number), this.#problem);
    this.#slider.addEventListener('input', () => changed(Number(this.#slider.value)));
    this.#number.addEventListener('input', () => {
      const logit = readLogit(this.#number.value);
      if (logit === undefined) markProblem(this.#number, this.#problem, logitProblem);
      else changed(logit);
    });
  }

  show(logit: number): void {
    this.#slider.value = String(logit);
    showValue(this.#number, exact(logit), readLogit);
    markProblem(this.#number, this.#problem, undefined);
  }
}

/** Leaves a field alone while it says the same in other words, as "0." on the way to "0.5". */
function showValue(input: HTMLInputElement, text: string, read: (text: string) => unknown): void {
  if (read(input.value) !== read(text)) input.value = text;
}

function markProblem(input: HTMLInputElement, place: HTMLElement, problem: string | undefined): void {
  input.setAttribute('aria-invalid', String(problem !== undefined));
  place.hidden = problem === undefined;
  place.textContent = problem ?? '';
}
