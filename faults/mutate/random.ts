/** Random choices that a seed and a number repeat. */
import { uniforms } from '../../bench/bodies.js';

export class Random {
  readonly #uniform: () => number;

  /** Choices of request `number` of the run with `seed`: no two requests share a stream. */
  constructor(seed: number, number: number) {
    // Two odd multipliers of the golden ratio's and of xxHash's: neighbours start far apart.
    this.#uniform = uniforms(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca77));
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.#uniform() * count);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.#uniform() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new Error('There is nothing to pick from. This is a bug.');
    return items[this.below(items.length)];
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}
