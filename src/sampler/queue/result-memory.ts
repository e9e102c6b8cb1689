/**
 * The memory of results, by reference count. All results of one batch share its buffer. A job in parts has a buffer for
 * its result alone. Once the last result of a buffer is released, the buffer goes back to the pool. A buffer with a
 * result that is never released is garbage collected.
 */
import type { BufferPool } from '../../runtime/buffer-pool.js';
import { type Job, type JobResult, outputWidth, resultBytes } from '../job.js';
import { bytesPerElement, outputs } from '../outputs.js';

interface Shared {
  readonly buffer: ArrayBuffer;
  /** Results that are not yet released. */
  unreleased: number;
}

export class ResultMemory {
  readonly #buffers: BufferPool;
  readonly #shared = new WeakMap<JobResult, Shared>();

  /** @param buffers the pool that buffers come from and go back to */
  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** Allocates a result for all draws of a job. It is not zeroed. */
  allocate(job: Job): JobResult {
    const buffer = this.#buffers.take(resultBytes(job));
    const draws = job.samples * job.rows;
    // Arrays of 8-byte elements first, so that each array is aligned.
    const names = [...job.outputs].toSorted((a, b) => bytesPerElement(b) - bytesPerElement(a));
    let offset = 0;
    const arrays = names.map((name) => {
      const array = new outputs[name].array(buffer, offset, draws * outputWidth(job, name));
      offset += array.byteLength;
      return [name, array];
    });
    const result = Object.fromEntries(arrays) as JobResult;
    this.share(buffer, [result]);
    return result;
  }

  /** Registers `results` as all results on `buffer`. */
  share(buffer: ArrayBuffer, results: readonly JobResult[]): void {
    const shared = { buffer, unreleased: results.length };
    for (const result of results) this.#shared.set(result, shared);
  }

  /** Releases a result that nothing reads any more. Does nothing for one already released or never registered. */
  release(result: JobResult): void {
    const shared = this.#shared.get(result);
    if (shared === undefined) return;
    this.#shared.delete(result);
    shared.unreleased -= 1;
    if (shared.unreleased === 0) this.#buffers.give(shared.buffer);
  }
}
