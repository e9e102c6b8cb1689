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
