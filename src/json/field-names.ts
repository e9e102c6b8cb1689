/** Finds known field names among the keys of a body, byte by byte, without making a string of every key. */

export class FieldNames {
  readonly #names: readonly string[];
  readonly #bytes: readonly Buffer[];

  constructor(names: ReadonlySet<string>) {
    this.#names = [...names];
    this.#bytes = this.#names.map((name) => Buffer.from(name));
    if (names.has('__proto__')) throw new Error('No field may be called __proto__. This is a bug.');
  }

  /** The field that the key in bytes [start, end) names, or undefined. */
  find(body: Buffer, start: number, end: number, escaped: boolean): string | undefined {
    if (escaped) return this.#findEscaped(body, start, end);
    for (let index = 0; index < this.#bytes.length; index++) {
      const bytes = this.#bytes[index];
      if (bytes.length === end - start && equalBytes(body, start, bytes)) return this.#names[index];
    }
    return undefined;
  }

  /**
   * Decodes a key such as "l\u006fgits" as JSON does. A key that JSON rejects is not a field; JSON.parse will reject
   * the body.
   */
  #findEscaped(body: Buffer, start: number, end: number): string | undefined {
    // Six bytes spell at most one UTF-16 unit, so a longer key cannot be a field.
    if (end - start > 6 * Math.max(0, ...this.#names.map((name) => name.length))) return undefined;
    try {
      const name: unknown = JSON.parse(body.toString('utf8', start - 1, end + 1));
      return this.#names.find((candidate) => candidate === name);
    } catch {
      return undefined;
    }
  }
}

function equalBytes(body: Buffer, start: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) {
    if (body[start + index] !== bytes[index]) return false;
  }
  return true;
}
