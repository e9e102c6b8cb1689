/**
 * Large buffers, used again: allocating a quarter of a megabyte for each request has V8 collect garbage a dozen times a
 * second, at a third of the process's CPU. Whoever takes a buffer gives it back once nothing reads it any more, or lets
 * it go.
 */

/** Smaller ones cost less to allocate than to keep. */
export const pooledBytesMin = 2 ** 15;
/** Larger ones are rare, and would be kept for nothing. */
const pooledBytesMax = 2 ** 23;

export class BufferPool {
  readonly #idleBytesMax: number;
  readonly #sizesPerOctave: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /**
   * @param idleBytesMax bytes of all buffers that wait to be taken
   * @param sizesPerOctave sizes between one power of two and the next: with 1 a buffer is up to twice as large as what
   * was asked for, with 4 up to a quarter larger, but one that fits is found less often. Default 1
   */
  constructor(idleBytesMax: number, sizesPerOctave = 1) {
    this.#idleBytesMax = idleBytesMax;
    this.#sizesPerOctave = sizesPerOctave;
  }

  /** A buffer of at least `bytes`; a large one holds whatever it was used for before. */
  take(bytes: number): ArrayBuffer {
    if (!isKept(bytes)) return new ArrayBuffer(bytes);
    const size = this.#sizeOf(bytes);
    const kept = this.#idle.get(size)?.pop();
    if (kept === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return kept;
  }

  #sizeOf(bytes: number): number {
    const step = Math.max(1, 2 ** Math.floor(Math.log2(bytes - 1)) / this.#sizesPerOctave);
    return Math.ceil(bytes / step) * step;
  }

  /** Keeps a buffer that `take` gave, unless enough are kept already. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (!isKept(size) || this.#idleBytes + size > this.#idleBytesMax) return;
    const idle = this.#idle.get(size);
    if (idle) idle.push(buffer);
    else this.#idle.set(size, [buffer]);
    this.#idleBytes += size;
  }
}

function isKept(bytes: number): boolean {
  return bytes >= pooledBytesMin && bytes <= pooledBytesMax;
}
