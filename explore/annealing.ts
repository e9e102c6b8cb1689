/**
 * Plays Jang's annealing: the service says the temperature of a training step, the page follows. Who asked for less
 * motion takes each step with a press of the button.
 */
import { byId } from './dom.js';
import { grouped, short } from './format.js';
import { annealingRequest } from './requests.js';
import { post, Unanswered } from './service.js';
import type { State } from './state.js';

/** Jang et al. 2016 take a new temperature every 500 or 1000 steps. */
const stepsAtATime = 500;
/** exp(-0.0001 x step) has reached the minimum, 0.5, by step 7000. */
const stepsMax = 7000;
const pauseMs = 700;

export class Annealing {
  readonly #button = byId<HTMLButtonElement>('anneal');
  readonly #says = byId('anneal-says');
  readonly #stateNow: () => State;
  readonly #follow: (temperature: number) => void;
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #step = 0;
  #playing: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stateNow: () => State, follow: (temperature: number) => void) {
    this.#stateNow = stateNow;
    this.#follow = follow;
    this.#button.addEventListener('click', () => (this.#playing ? this.stop() : this.#play()));
    this.#reducedMotion.addEventListener('change', () => this.stop());
    this.stop();
  }

  /** The reader takes over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#playing?.abort();
    this.#playing = undefined;
    this.#button.textContent = this.#reducedMotion.matches ? 'Next annealing step' : 'Play annealing';
  }

  #play(): void {
    this.#playing = new AbortController();
    if (!this.#reducedMotion.matches) this.#button.textContent = 'Pause annealing';
    void this.#advance(this.#playing);
  }

  async #advance(playing: AbortController): Promise<void> {
    const step = this.#step;
    try {
      const { temperature } = await post(annealingRequest(this.#stateNow(), step), playing.signal);
      if (playing.signal.aborted) return;
      this.#follow(temperature);
      this.#says.textContent = `Step ${grouped(step)} of training: temperature ${short(temperature)}.`;
    } catch (error) {
      if (playing.signal.aborted) return;
      if (!(error instanceof Unanswered)) throw error;
      this.#says.textContent = error.message;
      this.stop();
      return;
    }
    this.#step = step < stepsMax ? step + stepsAtATime : 0;
    if (this.#step === 0 || this.#reducedMotion.matches) this.stop();
    else this.#timer = setTimeout(() => void this.#advance(playing), pauseMs);
  }
}
