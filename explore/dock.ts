/**
 * The controls on a phone: a bar at the bottom that stays while the pictures move, and opens one group of controls
 * above itself.
 */
import { byId } from './dom.js';

/** The style sheet shows the bar, and hides the groups that are not open, where the page is narrow. */
export function listenToDock(): void {
  const form = byId('controls');
  const buttons = [...form.querySelectorAll<HTMLButtonElement>('.dock button')];
  for (const button of buttons) {
    button.addEventListener('click', () => {
      const open = button.getAttribute('aria-expanded') === 'false';
      for (const other of buttons) other.setAttribute('aria-expanded', String(open && other === button));
      form.setAttribute('data-open', open ? (button.getAttribute('aria-controls') ?? '') : '');
    });
  }
}
