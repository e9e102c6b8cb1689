/**
 * Large buffers, used again: allocating a quarter of a megabyte for each request has V8 collect garbage a dozen times a second, at a
 * third of the process's CPU. Whoever takes a buffer gives it back once nothing reads it any more, or lets it go.
 */

/** Smaller ones cost less to allocate than to keep. */
export const keptBytesMin = 2 ** 15;
/** Larger ones are rare, and would be kept for nothing. */
const keptBytesMax = 2 ** 23;

export class KeptBuffers {
  readonly #idleBytesMax: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** @param idleBytesMax bytes of all buffers that wait to be taken */
  constructor(idleBytesMax: number) {
    this.#idleBytesMax = idleBytesMax;
  }

  /** A buffer of at least `bytes`; a large one holds whatever it was used for before. */
  take(bytes: number): ArrayBuffer {
    if (!isKept(bytes)) return new ArrayBuffer(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const kept = this.#idle.get(size)?.pop();
    if (kept === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return kept;
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
  return bytes >= keptBytesMin && bytes <= keptBytesMax;
}
