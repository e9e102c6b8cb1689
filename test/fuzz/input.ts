/** An input of the fuzzer: a request, as far as its target looks at it. */

export interface Input {
  /** Empty for the target http, whose body is all that is sent. */
  readonly path: string;
  /** Inference-Header-Content-Length, if the request has it. */
  readonly jsonLength?: number | undefined;
  readonly body: Buffer;
}

/** One line of a file: JSON with a character for each byte of the body. */
export function textOf({ path, jsonLength, body }: Input): string {
  return JSON.stringify({ path, jsonLength, body: body.toString('latin1') });
}

export function inputOf(line: string): Input {
  const { body, ...more } = JSON.parse(line) as Omit<Input, 'body'> & { body: string };
  return { ...more, body: Buffer.from(body, 'latin1') };
}
