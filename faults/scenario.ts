/** What a fault test is: a name, a run that checks and measures, and what it leaves behind. */

export const scenarioNames = [
  'overload',
  'greedy-client',
  'new-connections',
  'heavy-draws',
  'refunds',
  'shutdown',
  'ending',
  'workers',
  'processes',
  'slow-clients',
  'mutations',
  'disconnects',
  'clock',
  'descriptors',
  'pipelining',
  'connections',
  'small-chunks',
  'unread-stop',
  'waiting-replies',
  'nested-arrays',
  'plain-json',
  'asymmetry',
  'protections',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface Options {
  /** The form whose figures docs/operations.md has; otherwise the shorter one of the gate. */
  readonly full: boolean;
  /** Makes every random choice repeatable. */
  readonly seed: number;
  /** Overrides the number of mutated requests. */
  readonly requests: number | undefined;
  /** Sends this one mutated request and shows it. */
  readonly number: number | undefined;
}

/** Numbers stay numbers until they are printed. */
interface Table {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Figures {
  /** What was done, in a sentence or two. */
  readonly method: string;
  readonly tables: readonly Table[];
}

export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  readonly run: (options: Options, checks: Checks) => Promise<Figures>;
}

/**
 * Collects what held and what did not. A check is a status, a count, an exit code, or a bound on memory or on CPU in
 * requests that cost as much. A time is one in the full form only, which has the machine to itself: on a busy machine
 * it says nothing about the service.
 */
export class Checks {
  readonly #timed: boolean;
  #passed = 0;
  readonly #failures: string[] = [];

  /** @param timed whether times are checks */
  constructor(timed: boolean) {
    this.#timed = timed;
  }

  get passed(): number {
    return this.#passed;
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Notes whether `sentence` holds; `found` says what was seen where it does not. */
  that(sentence: string, holds: boolean, found?: unknown): void {
    if (holds) {
      this.#passed += 1;
      console.log(`  ok      ${sentence}`);
    } else {
      const failure = found === undefined ? sentence : `${sentence}: ${JSON.stringify(found)}`;
      this.#failures.push(failure);
      console.log(`  FAILED  ${failure}`);
    }
  }

  equal(sentence: string, found: unknown, expected: unknown): void {
    const holds = JSON.stringify(found) === JSON.stringify(expected);
    this.that(sentence, holds, { found, expected });
  }

  /** Notes whether `found` is at most `most`, and prints both: how near a bound is shows before it is passed. */
  atMost(what: string, found: number, most: number, unit = ''): void {
    this.that(`${what}: ${shown(found)}${unit}, at most ${shown(most)}${unit}`, found <= most);
  }

  /** The same of milliseconds, which are printed only where times are no checks. */
  timeAtMost(what: string, foundMs: number, mostMs: number): void {
    if (this.#timed) this.atMost(what, foundMs, mostMs, ' ms');
    else console.log(`  found   ${what}: ${shown(foundMs)} ms`);
  }
}

function shown(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en');
}
