/**
 * The memory of results: those of one batch lie on one buffer, that of a job in parts on a buffer of its own. It can be
 * used again once the last result on it has been released. One that nobody releases is left to the garbage collector.
 */
import type { BufferPool } from '../../runtime/buffer-pool.js';
import { type Job, type JobResult, outputWidth, resultBytes } from '../job.js';
import { bytesPerElement, outputs } from '../outputs.js';

interface Shared {
  readonly buffer: ArrayBuffer;
  readers: number;
}

export class ResultMemory {
  readonly #buffers: BufferPool;
  readonly #shared = new WeakMap<JobResult, Shared>();

  /** @param buffers is given each buffer that is free again */
  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** A result for all draws of a job; what it holds is not zeroed. */
  allocate(job: Job): JobResult {
    const buffer = this.#buffers.take(resultBytes(job));
    const draws = job.samples * job.rows;
    // Wide elements first, so that each array is aligned.
    const names = [...job.outputs].toSorted((a, b) => bytesPerElement(b) - bytesPerElement(a));
    let at = 0;
    const arrays = names.map((name) => {
      const array = new outputs[name].array(buffer, at, draws * outputWidth(job, name));
      at += array.byteLength;
      return [name, array];
    });
    const result = Object.fromEntries(arrays) as JobResult;
    this.share(buffer, [result]);
    return result;
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
