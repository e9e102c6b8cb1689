/** What the fuzzer can be pointed at. */
import type { Random } from '../../faults/mutate/random.js';
import type { Input } from './input.js';

export interface Target {
  /** Inputs to begin with. */
  seeds(random: Random): Input[];
  /** Another input from one of the corpus; `other` is a second one. */
  mutate(random: Random, input: Input, other: Input): Input;
  /** @throws {Finding} or any error */
  run(input: Input): void | Promise<void>;
  close?(): Promise<void>;
}
