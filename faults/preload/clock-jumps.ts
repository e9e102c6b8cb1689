/**
 * Loaded before the service's own code. The time of day jumps by an hour forth, a day back, a year forth, 400 days back
 * and so on each time the process gets SIGWINCH, as it does when a clock is set. Time that only ever runs forward
 * (performance.now, process.hrtime, timers) goes on, as it does then.
 */
import { isMainThread } from 'node:worker_threads';

const hourMs = 3_600_000;
const jumpsMs = [hourMs, -24 * hourMs, 365 * 24 * hourMs, -400 * 24 * hourMs];

const RealDate = Date;
let shiftMs = 0;
let jumps = 0;

class JumpingDate extends RealDate {
  constructor(...given: [] | [number | string | Date]) {
    super(given.length === 0 ? JumpingDate.now() : given[0]);
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}

if (isMainThread) {
  globalThis.Date = JumpingDate as unknown as DateConstructor;
  process.on('SIGWINCH', () => {
    shiftMs += jumpsMs[jumps % jumpsMs.length];
    jumps += 1;
    process.stderr.write(`the clock jumped ${jumps} times\n`);
  });
}
