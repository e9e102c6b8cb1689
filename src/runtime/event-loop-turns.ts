/**
 * Cooperative scheduling of long work on the event loop. Large bodies and replies are worked on in slices. Each turn of
 * the loop does one slice of one of them, first come, first served. With a plain setImmediate after each slice, one
 * turn would do a slice of every body and reply under way.
 */

const waiting: (() => void)[] = [];

function resumeNext(): void {
  waiting.shift()?.();
  // The caller just resumed asks for its next turn in a microtask, after this line. nextTurn then restarts the chain.
  if (waiting.length > 0) setImmediate(resumeNext);
}

/** Resolves in a turn that no other caller shares. The caller may do one slice of work in it. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(resumeNext);
  });
}

/** The most bytes that one turn works on, summed over all callers of roomInTurn. */
const turnBytesMax = 2 ** 18;
let turnBytes = 0;

function beginTurn(): void {
  turnBytes = 0;
}

/**
 * Reserves room in this turn for work on `bytes` bytes. Returns undefined if this turn has the room, else a promise
 * that resolves in a later turn. A batch resolves dozens of draws at once, and without this one turn would print all
 * their replies.
 */
export function roomInTurn(bytes: number): Promise<void> | undefined {
  if (turnBytes > 0 && turnBytes + bytes > turnBytesMax) return nextTurn();
  if (turnBytes === 0) setImmediate(beginTurn);
  turnBytes += bytes;
  return undefined;
}

/**
 * Calls `step` for all of [0, count). Up to `sliceMax` that is one synchronous call, and undefined is returned. Above,
 * it is one call a turn for each slice, until `step` returns true, and a promise is returned.
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
