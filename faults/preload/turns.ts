/**
 * Measures each turn of the main thread's event loop from the start of the service on, and writes the longer ones to
 * stderr. It keeps the loop turning, so that no turn waits for anything.
 */
import { isMainThread } from 'node:worker_threads';
import { turnLine, turnMsMin } from './turn-line.js';

if (isMainThread) {
  let startMs = performance.now();
  const turn = () => {
    const ms = performance.now() - startMs;
    if (ms >= turnMsMin) process.stderr.write(`${turnLine(ms)}\n`);
    startMs = performance.now();
    setImmediate(turn).unref();
  };
  setInterval(() => {}, 1).unref();
  setImmediate(turn);
}
