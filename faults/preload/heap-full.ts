/** Loaded before the service's own code: fills the heap of one of several processes when SIGUSR2 comes to it. */
import { isMainThread } from 'node:worker_threads';

/** One of several processes ignores the signal, which would stop the primary. */
const isOneOfSeveral = process.argv[2]?.startsWith('--process=') === true;

if (isMainThread && isOneOfSeveral) {
  process.on('SIGUSR2', () => {
    const kept: number[][] = [];
    for (;;) kept.push(Array(100_000).fill(0.1));
  });
}
