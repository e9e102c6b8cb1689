/**
 * Faults for the built service: given to it as NODE_OPTIONS=--import=<this file>, it makes a worker thread fail on a
 * batch that holds the logit `faultLogit`, in the way that the variable WORKER_FAULT says. No product code knows of it.
 */
import { isMainThread, parentPort } from 'node:worker_threads';

/** The logit of a request that a worker fails on: exactly representable, and unlike the others of a test. */
export const faultLogit = -77.25;

/** Environment of a service whose workers fail in this way. */
export function withFault(fault: keyof typeof faults): Record<string, string> {
  return { NODE_OPTIONS: `--import=${import.meta.url}`, WORKER_FAULT: fault };
}

const faults = {
  throw: () => {
    throw new Error('out of luck');
  },
  heap: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(100_000).fill({}));
  },
  hang: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

const fault = faults[process.env.WORKER_FAULT as keyof typeof faults];
if (!isMainThread && fault) {
  parentPort?.on('message', (message) => {
    if (message instanceof ArrayBuffer && new Float32Array(message).includes(faultLogit)) fault();
  });
}
