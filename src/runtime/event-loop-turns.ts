/**
 * Turns of the event loop, shared by everything that works in slices: however many large bodies and replies are under
 * way, each turn of the loop does one slice of one of them, in the order they asked. Without this, thirty replies that
 * each yield after half a millisecond still hold the loop for fifteen.
 */

const waiting: (() => void)[] = [];

function release(): void {
  waiting.shift()?.();
  // What has just been released asks again in a microtask, so the list is empty here only if nobody else waits.
  if (waiting.length > 0) setImmediate(release);
}

/** Resolves in a turn of its own, in which the caller may do one slice of work. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(release);
  });
}

/**
 * What one turn may do of work that comes all at once: replies of a quarter of a megabyte are printed in about 2 ms.
 */
const turnBytesMax = 2 ** 18;
let turnBytes = 0;

function beginTurn(): void {
  turnBytes = 0;
}

/**
 * Undefined where this turn has room for work on so many bytes, which is counted; else a promise of a turn that has. A
 * batch resolves dozens of draws at once, whose replies would all be printed in the same turn.
 */
export function roomInTurn(bytes: number): Promise<void> | undefined {
  if (turnBytes > 0 && turnBytes + bytes > turnBytesMax) return nextTurn();
  if (turnBytes === 0) setImmediate(beginTurn);
  turnBytes += bytes;
  return undefined;
}

/**
 * Does `step` over [0, count) in one turn, where that is at most `sliceMax`, or in a turn for each slice; `step`
 * returns true to stop.
 */
export function inSlices(
  count: number,
  sliceMax: number,
  step: (from: number, to: number) => boolean | undefined,
): Promise<void> | undefined {
  if (count > sliceMax) return inTurns(count, sliceMax, step);
  step(0, count);
  return undefined;
}

async function inTurns(
  count: number,
  sliceMax: number,
  step: (from: number, to: number) => boolean | undefined,
): Promise<void> {
  for (let from = 0; from < count; from += sliceMax) {
    await nextTurn();
    if (step(from, Math.min(from + sliceMax, count))) return;
  }
}
