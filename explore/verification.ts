/**
 * Verifies the strip of draws in the browser: replays their noise from the seed with the service's own kernel, and
 * compares it with what the service sent. Asks the service for nothing but the kernel.
 */
import { loadNoise, type Replayable, type Verification as Result } from '@gumbel-sampler/client/noise';
import { byId } from './dom.js';
import { grouped, short } from './format.js';

export class Verification {
  readonly #button = byId<HTMLButtonElement>('verify');
  readonly #says = byId('verify-says');
  #draw: Replayable | undefined;

  constructor() {
    this.#button.addEventListener('click', () => void this.#verify());
  }

  /** What the button verifies; undefined while nothing is shown. */
  show(draw: Replayable | undefined): void {
    this.#draw = draw;
    this.#button.disabled = draw === undefined;
    this.#says.textContent = '';
  }

  async #verify(): Promise<void> {
    const draw = this.#draw;
    if (!draw) return;
    let says: string;
    try {
      says = inWords((await loadNoise()).verify(draw));
    } catch (error) {
      says = `This browser could not replay the noise: ${(error as Error).message}`;
    }
    if (draw === this.#draw) this.#says.textContent = says;
  }
}

function inWords({ ok, checks }: Result): string {
  const found = checks.map(({ output, ok, compared, exact, largestError }) => {
    const what = `${grouped(compared)} numbers of ${output}`;
    if (exact) return ok ? `${what}: the same bits` : `${what}: other bits`;
    return `${what}: within ${short(largestError)} of softmax${ok ? '' : ', which is too far'}`;
  });
  const verdict = ok ? 'Replayed here from the seed, and right' : 'Replayed here from the seed, and wrong';
  return `${verdict}. ${found.join('; ')}.`;
}
