/**
 * The memory of results: those of one batch lie on one buffer, which can be used again once the last of them has been released.
 * One that nobody releases is left to the garbage collector.
 */
import type { KeptBuffers } from '../kept-buffers.js';
import type { JobResult } from './job.js';

interface Shared {
  readonly buffer: ArrayBuffer;
  readers: number;
}

export class ResultMemory {
  readonly #buffers: KeptBuffers;
  readonly #shared = new WeakMap<JobResult, Shared>();

  /** @param buffers is given each buffer that is free again */
  constructor(buffers: KeptBuffers) {
    this.#buffers = buffers;
  }

  /** Says that `results` lie on `buffer`, and nothing else does. */
  share(buffer: ArrayBuffer, results: readonly JobResult[]): void {
    const shared = { buffer, readers: results.length };
    for (const result of results) this.#shared.set(result, shared);
  }

  /** Says that nothing reads `result` any more; does nothing the second time, or for one that is not shared. */
  release(result: JobResult): void {
    const shared = this.#shared.get(result);
    if (shared === undefined) return;
    this.#shared.delete(result);
    shared.readers -= 1;
    if (shared.readers === 0) this.#buffers.give(shared.buffer);
  }
}
