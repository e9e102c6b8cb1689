/**
 * A view that follows the reader: state -> requests -> replies -> picture. What is asked and drawn is its definition's.
 */
import { isKeyNeeded } from './api-key.js';
import { countingCurlOf, curlOf } from './curl.js';
import { Frame, type Table } from './frame.js';
import { Loader } from './loader.js';
import type { ServiceRequest } from './requests.js';
import type { Reply } from './service.js';
import type { State } from './state.js';

interface Asked {
  readonly request: ServiceRequest;
  /** What the reply is, above the command; a request without a label is not shown. */
  readonly label?: string;
  /** Whether the command counts the indices of the reply. */
  readonly counting?: boolean;
}

interface Picture {
  readonly figure: Element;
  readonly says: string;
  readonly table: Table;
}

export interface Definition {
  /** Of the section in the page. */
  readonly id: string;
  /** What stands in for the picture where this state has none. */
  readonly instead?: (state: State) => readonly Element[] | undefined;
  readonly asks: (state: State) => readonly Asked[];
  readonly draws: (state: State, replies: readonly Reply[], width: number) => Picture;
}

export class LiveView {
  readonly #definition: Definition;
  readonly #frame: Frame;
  readonly #loader: Loader;
  #state: State | undefined;

  constructor(definition: Definition) {
    this.#definition = definition;
    this.#frame = new Frame(definition.id);
    this.#loader = new Loader({
      waiting: () => this.#frame.showWaiting(),
      answered: (replies) => this.#draw(replies),
      unanswered: (message) => this.#frame.showProblem(message, () => this.refresh()),
    });
  }

  update(state: State): void {
    this.#state = state;
    const instead = this.#definition.instead?.(state);
    if (instead) {
      this.#loader.stop();
      this.#frame.showInstead(...instead);
      return;
    }
    const asked = this.#definition.asks(state);
    const commands = asked.flatMap(({ request, label, counting }) => {
      const text = (counting ? countingCurlOf : curlOf)(request, document.baseURI, isKeyNeeded());
      return label === undefined ? [] : [{ label, text }];
    });
    this.#frame.showCommands(commands);
    this.#loader.load(asked.map(({ request }) => request));
  }

  /** Draws again, in the width that there is now; asks again what was not answered. */
  refresh(): void {
    if (this.#state) this.update(this.#state);
  }

  #draw(replies: readonly Reply[]): void {
    const { figure, says, table } = this.#definition.draws(this.#state as State, replies, this.#frame.width);
    this.#frame.show(figure, says, table);
  }
}
