/**
 * Bugs that are planted into the compiled service to see whether tests find them: for each a file below dist/src and a
 * text in it that is replaced. A text that does not occur exactly once is an error, so this follows the source.
 */
export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

/** The source of a file, with the bug if that is in this file. */
export function planted(source: string, file: string, bug: Bug | undefined): string {
  if (bug?.file !== file) return source;
  const pieces = source.split(bug.text);
  if (pieces.length !== 2) throw new Error(`${bug.file} has ${pieces.length - 1} times: ${bug.text}`);
  return pieces.join(bug.replacement);
}
