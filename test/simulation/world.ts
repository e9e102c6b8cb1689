/**
 * The world of a simulation: a virtual clock and a seeded scheduler. It takes the place of the globals that the service
 * reads time from and waits with. What is due at one moment runs in any order, as the seed has it; what a turn of the
 * event loop defers (setImmediate) runs after any number of other events; and now and then the thread stands still, so
 * that much is due at once. After each event all microtasks run, as they do in Node.js.
 */
import { Random } from '../../faults/mutate/random.js';

/** What the service got from the platform before a world took its place. */
const { setImmediate: realImmediate } = globalThis;

/** A broken promise of the service, found by a simulation. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** An event to come: what a thread or a client does, or a timer. */
export class Upcoming {
  readonly what: string;
  readonly run: () => void;
  dueAtMs: number;
  /** Of an interval. */
  readonly everyMs: number | undefined;

  constructor(what: string, run: () => void, dueAtMs: number, everyMs?: number) {
    this.what = what;
    this.run = run;
    this.dueAtMs = dueAtMs;
    this.everyMs = everyMs;
  }

  unref(): this {
    return this;
  }
}

/** What the timers of the service are called among the events. */
const timer = 'a timer';
const interval = 'an interval';

/** Virtual time after which nothing may be waiting any more. */
const limitMs = 600_000;

/** The most that the clock adds to each event. */
const stepMsMax = 0.02;

let current: World | undefined;

export class World {
  readonly random: Random;
  /** The events so far, if they are recorded. */
  readonly trace: string[] | undefined;
  nowMs: number;
  readonly #upcoming: Upcoming[] = [];
  /** Deferred to the end of this turn of the event loop. */
  #deferred: (() => void)[] = [];
  /** The rest of the end of this turn. */
  #ending: (() => void)[] = [];
  /** How often the thread stands still, in (0, 1). */
  readonly #standsStill: number;
  #violation: Error | undefined;

  constructor(seed: number, traced: boolean) {
    this.random = new Random(seed, 0);
    this.trace = traced ? [] : undefined;
    this.nowMs = this.random.below(1e6) / 7;
    this.#standsStill = this.random.pick([0, 0.01, 0.1]);
    current = this;
  }

  /** Writes a line of the event log. */
  note(line: () => string): void {
    this.trace?.push(`${this.nowMs.toFixed(3)} ms  ${line()}`);
  }

  /** The simulation fails. Callable from anywhere, also where an error would be caught. */
  violate(what: string): void {
    this.note(() => `VIOLATION ${what}`);
    this.#violation ??= new Violation(what);
  }

  after(delayMs: number, what: string, run: () => void): Upcoming {
    return this.#add(new Upcoming(what, run, this.nowMs + delayMs));
  }

  every(delayMs: number, what: string, run: () => void): Upcoming {
    return this.#add(new Upcoming(what, run, this.nowMs + delayMs, delayMs));
  }

  cancel(upcoming: Upcoming | undefined): void {
    const index = upcoming === undefined ? -1 : this.#upcoming.indexOf(upcoming);
    if (index >= 0) this.#upcoming.splice(index, 1);
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Whether a turn of the event loop has ended, and all that it deferred has run. */
  get isBetweenTurns(): boolean {
    return this.#deferred.length + this.#ending.length === 0;
  }

  /** Timers and intervals of the service that are still to come. */
  get timers(): number {
    return this.#upcoming.filter(({ what }) => what === timer || what === interval).length;
  }

  /** A delay of any magnitude: many are short, some are long, so that any event can overtake any other. */
  delayMs(leastMs: number, mostMs: number): number {
    if (this.random.chance(0.2)) return 0;
    return leastMs * (mostMs / leastMs) ** (this.random.below(1 << 16) / (1 << 16));
  }

  /**
   * Runs events until `isOver`, and what they have deferred.
   *
   * @param check called after each event and its microtasks
   * @throws {Error} what went wrong: a violation, or what an event threw
   */
  async run(isOver: () => boolean, check: () => void): Promise<void> {
    const endMs = this.nowMs + limitMs;
    while (!(isOver() && this.isBetweenTurns)) {
      this.#step();
      await new Promise<void>((resolve) => realImmediate(resolve));
      check();
      if (this.#violation) throw this.#violation;
      if (this.nowMs > endMs) throw new Violation('something waits for ever');
    }
  }

  /** Runs what is still deferred, after a violation: module state of src belongs to the next world too. */
  async settle(): Promise<void> {
    for (let step = 0; step < 1000 && !this.isBetweenTurns; step++) {
      this.#ending.push(...this.#deferred.splice(0));
      try {
        this.#ending.shift()?.();
      } catch {}
      await new Promise<void>((resolve) => realImmediate(resolve));
    }
    current = undefined;
  }

  #add(upcoming: Upcoming): Upcoming {
    this.#upcoming.push(upcoming);
    return upcoming;
  }

  #step(): void {
    this.nowMs += (stepMsMax * this.random.below(1 << 10)) / (1 << 10);
    const ending = this.#ending.shift();
    if (ending) {
      ending();
      return;
    }
    let due = 0;
    for (const { dueAtMs } of this.#upcoming) if (dueAtMs <= this.nowMs) due += 1;
    if (due > 0 && (this.#deferred.length === 0 || this.random.chance(0.7))) {
      this.#happen(this.#due(this.random.below(due)));
    } else if (this.#deferred.length > 0) {
      this.#ending = this.#deferred.splice(0);
      this.note(() => '-- end of the turn');
      this.#ending.shift()?.();
    } else {
      this.#wait();
    }
  }

  /** One of the events that are due. */
  #due(number: number): Upcoming {
    let left = number;
    for (const upcoming of this.#upcoming) {
      if (upcoming.dueAtMs > this.nowMs) continue;
      if (left === 0) return upcoming;
      left -= 1;
    }
    throw new Error('No event is due. This is a bug.');
  }

  /** The thread has nothing to do until the next event; it may then find several. */
  #wait(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAtMs } of this.#upcoming) next = Math.min(next, dueAtMs);
    if (next === Number.POSITIVE_INFINITY) throw new Violation('nothing is going to happen any more');
    this.nowMs = Math.max(this.nowMs, next);
    if (this.random.chance(this.#standsStill)) this.nowMs += this.delayMs(0.1, 50);
  }

  #happen(upcoming: Upcoming): void {
    if (upcoming.everyMs === undefined) this.cancel(upcoming);
    else upcoming.dueAtMs = this.nowMs + upcoming.everyMs;
    this.note(() => upcoming.what);
    upcoming.run();
  }
}

/** The world that exists now. */
export function world(): World {
  if (current === undefined) throw new Error('There is no world. This is a bug.');
  return current;
}

/** Puts the world in the place of the clock and the timers of this process, for good. */
export function replaceClock(): void {
  Object.defineProperty(performance, 'now', { value: () => current?.nowMs ?? 0 });
  const after = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) =>
    world().after(Math.max(1, delayMs), timer, () => run(...args));
  const every = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) =>
    world().every(Math.max(1, delayMs), interval, () => run(...args));
  const cancel = (upcoming?: Upcoming) => current?.cancel(upcoming);
  const defer = (run: (...args: unknown[]) => void, ...args: unknown[]) => world().defer(() => run(...args));
  Object.assign(globalThis, {
    setTimeout: after,
    clearTimeout: cancel,
    setInterval: every,
    clearInterval: cancel,
    setImmediate: defer,
  });
}
