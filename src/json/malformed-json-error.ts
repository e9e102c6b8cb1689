/** The one error parsing throws for a body that is no JSON. Its message never repeats any of the body. */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError';
  /** The byte the parser stopped at, if it knows. */
  readonly position: number | undefined;

  constructor(message: string, position?: number) {
    super(message);
    this.position = position;
  }
}
