/**
 * Loaded before the service's own code. From the first signal on the main thread has what FAULT says: a promise that is
 * rejected every millisecond, or a timer without end, which keeps a process that should end by itself.
 */
import { isMainThread } from 'node:worker_threads';

const { FAULT } = process.env;

function fail(): void {
  if (FAULT === 'rejections') setInterval(() => Promise.reject(new Error('again')), 1);
  if (FAULT === 'timer') setInterval(() => {}, 1000);
}

// `beforeExit` and its like come too late; every signal that the service ends by has a listener of its own here.
if (isMainThread) {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
    process.once(signal, () => {
      // Before the service listens, a signal does what it does to any process, which this listener has kept it from.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
      else fail();
    });
  }
}
