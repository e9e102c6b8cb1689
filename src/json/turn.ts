/**
 * Turns of the event loop, shared by everything that works in slices: however many large bodies and replies are under way,
 * each turn of the loop does one slice of one of them, in the order they asked. Without this, thirty replies that each yield
 * after half a millisecond still hold the loop for fifteen.
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

/** Does `step` over [0, count) in one turn, where that is at most `sliceMax`, or in a turn for each slice; `step` returns true to stop. */
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
