/**
 * What all views have in common: a figure, a sentence, a table of the numbers, the requests as curl, and what went
 * wrong.
 */
import { byId, html } from './dom.js';

export interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Command {
  readonly label: string;
  readonly text: string;
}

export class Frame {
  readonly #section: HTMLElement;
  readonly #figure = html('div', { class: 'figure' });
  readonly #says = html('p', { class: 'says' });
  readonly #problem = html('div', { class: 'problem', role: 'alert' });
  readonly #table = html('div', { class: 'table', tabindex: 0, role: 'region' });
  readonly #requests = html('div', { class: 'requests' });

  constructor(id: string) {
    this.#section = byId(id);
    const title = byId(`${id}-title`).textContent?.replace(/^\d/, '') ?? '';
    this.#table.setAttribute('aria-label', `Numbers: ${title}`);
    const numbers = html('details', { class: 'numbers' }, html('summary', {}, 'Numbers'), this.#table);
    const requests = html('details', { open: '' }, html('summary', {}, 'Request'), this.#requests);
    const more = html('div', { class: 'more' }, numbers, requests);
    this.#section.append(this.#figure, this.#says, this.#problem, more);
  }

  /** Width in CSS pixels that a figure may take. */
  get width(): number {
    return this.#figure.clientWidth || 320;
  }

  show(figure: Element, says: string, table: Table): void {
    this.#replaceFigure(figure);
    this.#says.textContent = says;
    this.#table.replaceChildren(tableOf(table));
    this.#problem.replaceChildren();
    this.#section.setAttribute('aria-busy', 'false');
  }

  showWaiting(): void {
    this.#section.setAttribute('aria-busy', 'true');
  }

  /** Numbers of an older question would lie, so they go. */
  showProblem(message: string, retry: () => void): void {
    this.#clear();
    const button = html('button', { type: 'button' }, 'Try again');
    button.addEventListener('click', retry);
    this.#problem.replaceChildren(html('p', {}, message), button);
  }

  /** Shows an explanation instead of a figure, with nothing to ask the service. */
  showInstead(...content: readonly Element[]): void {
    this.#clear();
    this.#figure.replaceChildren(...content);
    this.#requests.replaceChildren();
  }

  showCommands(commands: readonly Command[]): void {
    const known = [...this.#requests.querySelectorAll('.request')];
    if (known.length !== commands.length) this.#requests.replaceChildren(...commands.map(requestOf));
    for (const [at, { label, text }] of commands.entries()) {
      const request = this.#requests.children[at];
      (request.querySelector('.request-head span') as HTMLElement).textContent = label;
      request.querySelector('pre')?.setAttribute('aria-label', `${label} as curl`);
      (request.querySelector('code') as HTMLElement).textContent = text;
    }
  }

  /** A button of the old figure that has the focus hands it to the one with the same key. */
  #replaceFigure(figure: Element): void {
    const focused = this.#figure.contains(document.activeElement) ? document.activeElement : null;
    const key = focused?.getAttribute('data-key');
    this.#figure.replaceChildren(figure);
    if (key) this.#figure.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus({ preventScroll: true });
  }

  #clear(): void {
    this.#figure.replaceChildren();
    this.#says.textContent = '';
    this.#table.replaceChildren();
    this.#problem.replaceChildren();
    this.#section.setAttribute('aria-busy', 'false');
  }
}

function tableOf({ caption, head, rows }: Table): HTMLTableElement {
  const heads = head.map((text) => html('th', { scope: 'col' }, text));
  const body = rows.map(([first, ...rest]) => {
    const cells = rest.map((text) => html('td', {}, text));
    return html('tr', {}, html('th', { scope: 'row' }, first), ...cells);
  });
  return html(
    'table',
    {},
    html('caption', {}, caption),
    html('thead', {}, html('tr', {}, ...heads)),
    html('tbody', {}, ...body),
  );
}

/** How long a button says what it has done. */
const doneMs = 2000;

/** Texts come later, so that the button keeps the focus while requests change. */
function requestOf(): HTMLElement {
  const code = html('code');
  const label = html('span');
  const button = html('button', { type: 'button', class: 'copy' }, 'Copy curl');
  let timer: ReturnType<typeof setTimeout> | undefined;
  button.addEventListener('click', async () => {
    const { done, announcement } = await copy(code);
    button.textContent = done;
    byId('announcement').textContent = `${label.textContent}: ${announcement}`;
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = 'Copy curl';
      // Emptied, so that the same announcement is heard again.
      byId('announcement').textContent = '';
    }, doneMs);
  });
  const head = html('div', { class: 'request-head' }, label, button);
  return html('div', { class: 'request' }, head, html('pre', { tabindex: 0, role: 'region' }, code));
}

/**
 * Pages that are not served over TLS or from localhost have no clipboard: there the text is selected, ready for the
 * key.
 */
async function copy(code: HTMLElement): Promise<{ readonly done: string; readonly announcement: string }> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    return { done: 'Copied', announcement: 'copied.' };
  } catch {
    getSelection()?.selectAllChildren(code);
    return { done: 'Selected', announcement: 'selected. Copy it with Ctrl+C or Cmd+C.' };
  }
}
