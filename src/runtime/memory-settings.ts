/**
 * How this process keeps its memory. V8 and the C library decide from what they see in the first seconds, and a service
 * that takes and gives hundreds of megabytes of buffers a second is not what they expect. All of it is harmless where
 * it has no effect.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * The largest block whose release glibc learns from: it then maps no block up to this size anew for each use, and keeps
 * twice as much of what was freed (mallopt(3), M_MMAP_THRESHOLD). By default it gave the buffers of bodies and results
 * back to the system and had them zeroed again, up to 78 pages for each request of 64x1000 in binary tensors.
 */
const learnedBytes = 2 ** 25 - 2 ** 16;

/**
 * Call it once everything is loaded and before the first request: to keep what loading frees takes 12 MiB, and a start
 * in which nothing is allocated for a long life 40 ms longer.
 */
export function settleMemory(): void {
  // Bodies and replies are memory outside of V8's heap, which it keeps small by marking that heap again and again, on
  // threads of its own that take the CPUs from the HTTP thread and the workers. Marked in steps between requests it
  // costs less, and nobody waits longer.
  setFlagsFromString('--no-concurrent-marking');
  // And as seldom as V8 ever would: whenever there is four times as much as it found alive the last time. It would take
  // a flood of buffers for a reason to look up to three times as often, at a fifth of the HTTP thread's time.
  setFlagsFromString('--heap-growing-percent=300');
  // What the first hundreds of requests still held when V8 looked, it would allocate for a long life from then on, in
  // every request.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Never touched, so it is no memory; released by the next collection.
  void new ArrayBuffer(learnedBytes);
}
