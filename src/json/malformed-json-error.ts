/**
 * The error for a body that is not JSON. Its message quotes at most one character of the body, or one word of a known
 * list.
 */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError';
  /** The byte that breaks the grammar, counted from 0; undefined if no single byte does. */
  readonly position: number | undefined;
  /** Whether a complete JSON value precedes it. */
  readonly afterEnd: boolean;

  constructor(message: string, position?: number, afterEnd = false) {
    super(message);
    this.position = position;
    this.afterEnd = afterEnd;
  }
}
