/**
 * Settings of V8's garbage collector and of glibc's malloc, for a process that allocates and frees hundreds of
 * megabytes of buffers a second. Each is harmless where it has no effect. docs/design.md, "Workarounds", lists them;
 * docs/benchmarks.md, "Behind the decisions", has the figures.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * The size up to which glibc shall keep freed blocks. glibc has a dynamic mmap threshold: once it has freed a mapped
 * block, it serves blocks up to that size from the heap, and trims the heap only above twice that size. Before, it
 * unmaps every large buffer, and the kernel zeroes its pages at the next use. This is the largest size that glibc
 * learns from: https://man7.org/linux/man-pages/man3/mallopt.3.html (M_MMAP_THRESHOLD).
 * Can go when the process starts with MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_.
 */
const mmapThresholdBytes = 2 ** 25 - 2 ** 16;

/**
 * Call it after all modules are loaded and before the first request. Earlier, these settings would slow the start and
 * keep the memory that loading frees. As flags of the command line they would also be missing from
 * `node dist/src/server.js`. Node.js warns of flags that change at run time:
 * https://nodejs.org/api/v8.html#v8setflagsfromstringflags
 * Can move to the command line when the start is as fast with them, and every way to start sets them.
 */
export function settleMemory(): void {
  // Bodies and replies are external memory, to which V8 responds by marking its whole heap:
  // https://github.com/nodejs/node/issues/1671, https://github.com/denoland/deno/issues/35808
  // Concurrent marking uses V8's background threads, which take CPU from the HTTP thread and the workers. Incremental
  // marking on the main thread costs less CPU and no latency. Can go, as can the next flag, when V8 has a limit for
  // external memory that Node can set.
  setFlagsFromString('--no-concurrent-marking');
  // The next marking starts when the heap has grown by 300 % over what was live after the last one. That is the largest
  // factor that V8 itself uses; with many new buffers V8 would choose a smaller one and mark more often.
  setFlagsFromString('--heap-growing-percent=300');
  // Pretenuring: where objects of the first requests survived a collection, V8 would allocate all later objects of the
  // same allocation site in the old generation. Objects of a request are short-lived.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Its pages are never touched, so it takes no physical memory. The next collection frees it.
  void new ArrayBuffer(mmapThresholdBytes);
}
