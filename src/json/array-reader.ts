/** The interface of the readers of long arrays, and the memory that their values are stored in. */

/**
 * Memory for the values of long arrays. The caller of `take` gives the buffer back, or leaves it to the garbage
 * collector.
 */
export interface Memory {
  /**
   * A buffer of at least `bytes`. Its content is undefined.
   * @throws {Problem} `overloaded` if the memory budget has no room
   */
  readonly take: (bytes: number) => ArrayBuffer;
  readonly give: (buffer: ArrayBuffer) => void;
  /**
   * Charges the budget for memory that is allocated elsewhere.
   * @throws {Problem} `overloaded` if the memory budget has no room
   */
  readonly hold: (bytes: number) => void;
  /** Undoes `hold`. */
  readonly free: (bytes: number) => void;
  /** Whether the client has disconnected, so that the rest of its body need not be read. */
  readonly gone: boolean;
}

/** Allocates a new buffer each time, for tests and benchmarks. */
export const newMemory: Memory = {
  take: (bytes) => new ArrayBuffer(bytes),
  give: () => {},
  hold: () => {},
  free: () => {},
  gone: false,
};

/** Reads one array of a body, a slice at a time. */
export interface ArrayReader<Value> {
  /** The byte after the closing bracket of a finished array; the rejected byte of a failed one. */
  readonly position: number;
  readonly finished: boolean;
  /** Whether the array holds values of another kind. The text may not even be JSON. */
  readonly failed: boolean;
  /** Whether it failed at an array that is nested deeper than the field allows. */
  readonly tooDeep: boolean;
  /** Whether it failed at an element above the maximum count of the field. */
  readonly tooMany: boolean;
  /** The values that were read. The caller takes over their memory. */
  readonly value: () => Value;
  /** The indices of the current element. */
  readonly path: () => number[];
  /** The requirement for an element, as an error message states it. */
  readonly expected: string;
  /** Reads one slice. Returns its cost, in bytes of ordinary text. */
  readonly step: () => number;
  /** Gives back the memory of an array that is not used. */
  readonly release: () => void;
}
