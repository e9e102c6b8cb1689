/**
 * The one error parsing throws for a body that is no JSON. Of the body its message repeats one character, or one word
 * of a known list.
 */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError';
  /** The byte that breaks the grammar, the first of the body being 0; undefined where it is no matter of a place. */
  readonly position: number | undefined;
  /** Whether a whole JSON value lies before it. */
  readonly behindEnd: boolean;

  constructor(message: string, position?: number, behindEnd = false) {
    super(message);
    this.position = position;
    this.behindEnd = behindEnd;
  }
}
