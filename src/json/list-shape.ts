/**
 * The shape of a nested array while it is read element by element, by the rules of assembly/parse.ts: each open array
 * has a count of its complete elements, the first array that ends at a depth sets the size of all arrays at this depth,
 * and the first element sets the rank.
 */
import type { EntryShape } from './entry-list.js';

export class ListShape implements EntryShape {
  /** The depth of the elements, 0 until the first element or the first array without elements. */
  #rank = 0;
  /** Complete elements of the open arrays around the innermost one. */
  readonly #counts: number[] = [];
  /** Complete elements of the innermost open array. */
  #column = 0;
  /** Sizes by depth, filled from the innermost on. */
  readonly #sizes: number[] = [];
  #raggedPath: readonly number[] | undefined;

  /** The number of open arrays inside the outermost one. */
  get depth(): number {
    return this.#counts.length;
  }

  get shape(): readonly number[] {
    return this.#sizes;
  }

  get raggedPath(): readonly number[] | undefined {
    return this.#raggedPath;
  }

  /** The indices of the current element. */
  path(): number[] {
    return [...this.#counts, this.#column];
  }

  /** Whether an element may come next, in the innermost open array. */
  mayAdd(): boolean {
    return this.#rank === 0 || this.#rank === this.#counts.length + 1;
  }

  add(): void {
    this.#rank = this.#counts.length + 1;
    this.#column += 1;
  }

  /** Whether an array may come next: it may not follow an element, nor be nested deeper than the first one is. */
  mayOpen(): boolean {
    return this.#rank === 0 || this.#counts.length + 2 <= this.#rank;
  }

  open(): void {
    this.#counts.push(this.#column);
    this.#column = 0;
  }

  /** Closes the innermost array. Returns whether it was the outermost one. */
  close(): boolean {
    const depth = this.#counts.length;
    if (this.#rank === 0) this.#rank = depth + 1;
    const size = this.#sizes[depth] as number | undefined;
    if (size === undefined) this.#sizes[depth] = this.#column;
    else if (size !== this.#column) this.#raggedPath ??= [...this.#counts];
    const outer = this.#counts.pop();
    if (outer === undefined) return true;
    this.#column = outer + 1;
    return false;
  }
}
