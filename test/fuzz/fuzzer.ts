/**
 * The loop of a coverage-guided fuzzer: mutates an input of the corpus, runs it, and keeps it if it runs a block that
 * no earlier one has, or one more often. A seed always gives the same run.
 */
import { Random } from '../../faults/mutate/random.js';
import { blocksOf, type Counters, Coverage } from './counters.js';
import type { Input } from './input.js';
import type { Target } from './target.js';

export interface Failure {
  /** The number of the execution, from 1 on. */
  readonly execution: number;
  readonly input: Input;
  readonly error: Error;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly executions: number;
  /** The run ends at this many failures. */
  readonly failuresMax: number;
  /** Inputs in addition to the seeds of the target. */
  readonly corpus: readonly Input[];
  readonly progress?: (fuzzer: Fuzzer) => void;
}

const progressEvery = 10_000;

/** Executions in one turn of the event loop, so that timers and sockets have theirs. */
const executionsPerTurn = 64;

export class Fuzzer {
  readonly coverage = new Coverage();
  readonly corpus: Input[] = [];
  readonly failures: Failure[] = [];
  executions = 0;
  readonly #target: Target;
  readonly #counters: Counters;

  constructor(target: Target, counters: Counters) {
    this.#target = target;
    this.#counters = counters;
  }

  async fuzz({ seed, executions, failuresMax, corpus, progress }: FuzzOptions): Promise<void> {
    const starting = [...corpus, ...this.#target.seeds(new Random(seed, -1))];
    while (this.executions < executions && this.failures.length < failuresMax) {
      const random = new Random(seed, this.executions);
      const input = starting[this.executions] ?? this.#target.mutate(random, this.#pick(random), this.#pick(random));
      const error = await this.execute(input);
      this.executions += 1;
      if (this.coverage.add(this.#counters)) this.corpus.push(input);
      if (error) this.#note(input, error);
      if (this.executions % progressEvery === 0) progress?.(this);
      if (this.executions % executionsPerTurn === 0) await new Promise(setImmediate);
    }
  }

  /** Runs an input. Returns what it has found, if it has. */
  async execute(input: Input): Promise<Error | undefined> {
    this.#counters.reset();
    try {
      const waiting = this.#target.run(input);
      if (waiting) await waiting;
    } catch (error) {
      return error as Error;
    }
    return undefined;
  }

  /**
   * Inputs of the corpus that together run all blocks that it runs, however often: the smallest first.
   *
   * @param shrinking whether each is cut down to what its new blocks need
   */
  async minimised(shrinking: boolean): Promise<Input[]> {
    const seen = new Set<number>();
    const kept: Input[] = [];
    for (const input of this.corpus.toSorted((a, b) => a.body.length - b.body.length)) {
      const fresh = (await this.#blocksOf(input)).filter((block) => !seen.has(block));
      if (fresh.length === 0) continue;
      const hasAll = (blocks: readonly number[]) => fresh.every((block) => blocks.includes(block));
      const small = shrinking ? await shrink(input, async (smaller) => hasAll(await this.#blocksOf(smaller))) : input;
      for (const block of await this.#blocksOf(small)) seen.add(block);
      kept.push(small);
    }
    return kept;
  }

  async #blocksOf(input: Input): Promise<number[]> {
    await this.execute(input);
    return blocksOf(this.#counters);
  }

  /** Half of the time one of the newest inputs. */
  #pick(random: Random): Input {
    const { corpus } = this;
    const newest = Math.ceil(corpus.length / 8);
    return random.chance(0.5) ? corpus[corpus.length - 1 - random.below(newest)] : random.pick(corpus);
  }

  /** Keeps one failure of each text. */
  #note(input: Input, error: Error): void {
    const kind = ({ message }: Error) => message.replaceAll(/\d+/g, '0').slice(0, 60);
    if (this.failures.some((failure) => kind(failure.error) === kind(error))) return;
    this.failures.push({ execution: this.executions, input, error });
  }
}

/** A smaller input that is still `wanted`: without all that can be cut out. */
export async function shrink(input: Input, wanted: (input: Input) => Promise<boolean>): Promise<Input> {
  let smallest = input;
  for (let size = Math.ceil(input.body.length / 2); size > 0; size = Math.floor(size / 2)) {
    for (let start = 0; start < smallest.body.length; ) {
      const { body, jsonLength } = smallest;
      const end = Math.min(start + size, body.length);
      const cut = jsonLength === undefined ? undefined : jsonLength - Math.max(0, Math.min(end, jsonLength) - start);
      const smaller = {
        ...smallest,
        jsonLength: cut,
        body: Buffer.concat([body.subarray(0, start), body.subarray(end)]),
      };
      if ((cut ?? 0) >= 0 && (await wanted(smaller))) smallest = smaller;
      else start = end;
    }
  }
  return smallest;
}
