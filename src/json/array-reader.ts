/** What the readers of long arrays have in common, and where their values lie. */

/**
 * Memory for the values of long arrays. Whoever takes a buffer gives it back, or lets the garbage collector have it.
 */
export interface Memory {
  /**
   * A buffer of at least `bytes`, which may hold anything.
   *
   * @throws {Problem} `overloaded` where there is no room
   */
  readonly take: (bytes: number) => ArrayBuffer;
  readonly give: (buffer: ArrayBuffer) => void;
  /** Counts memory that is allocated elsewhere. Throws as `take` does. */
  readonly hold: (bytes: number) => void;
  readonly free: (bytes: number) => void;
  /** Whether whoever it is for has gone, so that nothing more need be read. */
  readonly gone: boolean;
}

/** New memory each time: for tests and benchmarks. */
export const newMemory: Memory = {
  take: (bytes) => new ArrayBuffer(bytes),
  give: () => {},
  hold: () => {},
  free: () => {},
  gone: false,
};

/** Reads one array of a body, a slice at a time. */
export interface ArrayReader<Value> {
  /** The byte behind the closing bracket once the array has been read; the byte that was refused, where it failed. */
  readonly position: number;
  readonly finished: boolean;
  /** Whether the array turned out to hold something else. It may not even be JSON. */
  readonly failed: boolean;
  /** Whether that is an array nested deeper than the field allows. */
  readonly tooDeep: boolean;
  /** Whether that is one element more than the field allows. */
  readonly tooMany: boolean;
  /** What was read, and takes its memory over. */
  readonly value: () => Value;
  /** The indices of the element that the reader is at. */
  readonly path: () => number[];
  /** What each element must be. */
  readonly expected: string;
  /** Does one slice of work and returns what it cost, in bytes of ordinary text. */
  readonly step: () => number;
  /** Gives back the memory of an array that will not be used. */
  readonly release: () => void;
}
