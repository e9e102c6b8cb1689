/**
 * A pool of large buffers. Workaround: memory outside of V8's heap makes V8 mark the whole heap, so a new large buffer
 * for each request costs much CPU (benchmarks.md, "buffers are used again"):
 * https://github.com/nodejs/node/issues/1671, https://github.com/denoland/deno/issues/35808
 * Can go when V8 has a limit for external memory that Node can set.
 *
 * The owner of a buffer gives it back once nothing reads it any more. A buffer that is not given back is garbage
 * collected.
 */

/** Smaller buffers are not pooled: allocating one costs less than pooling it. */
export const pooledBytesMin = 2 ** 15;
/** Larger buffers are not pooled: they are rare, and would stay unused. */
const pooledBytesMax = 2 ** 23;

export class BufferPool {
  readonly #idleBytesMax: number;
  readonly #sizesPerOctave: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /**
   * @param idleBytesMax the most bytes of idle buffers that the pool keeps
   * @param sizesPerOctave size classes between one power of two and the next. With 1 a buffer has up to twice the bytes
   *   asked for. With 4 it has up to a quarter more, but an idle buffer of the right class is found less often.
   */
  constructor(idleBytesMax: number, sizesPerOctave = 1) {
    this.#idleBytesMax = idleBytesMax;
    this.#sizesPerOctave = sizesPerOctave;
  }

  /** A buffer of at least `bytes`. A pooled one is not zeroed. */
  take(bytes: number): ArrayBuffer {
    if (!isPooled(bytes)) return new ArrayBuffer(bytes);
    const size = this.#sizeOf(bytes);
    const idle = this.#idle.get(size)?.pop();
    if (idle === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return idle;
  }

  #sizeOf(bytes: number): number {
    const step = Math.max(1, 2 ** Math.floor(Math.log2(bytes - 1)) / this.#sizesPerOctave);
    return Math.ceil(bytes / step) * step;
  }

  /** Takes back a buffer from `take`. Drops it if the pool has its size of idle buffers already. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (!isPooled(size) || this.#idleBytes + size > this.#idleBytesMax) return;
    const idle = this.#idle.get(size);
    if (idle) idle.push(buffer);
    else this.#idle.set(size, [buffer]);
    this.#idleBytes += size;
  }
}

function isPooled(bytes: number): boolean {
  return bytes >= pooledBytesMin && bytes <= pooledBytesMax;
}
