/**
 * A set for objects that live as long as a request. Workaround: when a JavaScript Set grows, it moves to a new table,
 * and the old table keeps its references. Objects in it then survive every minor garbage collection (benchmarks.md,
 * "nothing of a request outlives it"). The old table:
 * https://github.com/nodejs/node/blob/v20.20.2/deps/v8/src/objects/ordered-hash-table.h
 * Can go when V8 clears old tables.
 */

/** An object that can be in a bag, and in at most one. */
export interface BagItem {
  /** Its index in the bag. Only the bag writes it. */
  bagIndex: number;
}

/** A set without an order. */
export class Bag<Item extends BagItem> implements Iterable<Item> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item, which must not be in the bag. */
  add(item: Item): void {
    item.bagIndex = this.#items.length;
    this.#items.push(item);
  }

  /** Removes an item. Does nothing if the item is not in the bag. */
  delete(item: Item): void {
    if (this.#items[item.bagIndex] !== item) return;
    const last = this.#items.pop() as Item;
    if (last === item) return;
    this.#items[item.bagIndex] = last;
    last.bagIndex = item.bagIndex;
  }

  /** Iterates over a copy, so the loop may delete items. */
  [Symbol.iterator](): Iterator<Item> {
    return [...this.#items].values();
  }
}
