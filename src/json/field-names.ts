/** Recognises the names of the matrix fields among a body's keys, byte by byte, so that no key becomes a string in vain. */

export class FieldNames {
  readonly #names: readonly string[];
  readonly #bytes: readonly Buffer[];

  constructor(names: ReadonlySet<string>) {
    this.#names = [...names];
    this.#bytes = this.#names.map((name) => Buffer.from(name, 'utf8'));
    if (names.has('__proto__')) throw new Error('No field may be called __proto__. This is a bug.');
  }

  /** The field that the key between two quotes names, or undefined. */
  find(body: Buffer, start: number, end: number, escaped: boolean): string | undefined {
    if (escaped) return this.#findEscaped(body, start, end);
    for (let index = 0; index < this.#bytes.length; index++) {
      const bytes = this.#bytes[index];
      if (bytes.length === end - start && equalBytes(body, start, bytes)) return this.#names[index];
    }
    return undefined;
  }

  /** A key such as "l\u006fgits" is decoded as JSON does; one that JSON refuses is no field, and the whole body will be refused. */
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

/** Where the matrices of a body may be: among its own members, and among those of the objects in its lists. */
export interface FieldPlaces {
  /** Matrix fields and lists of the body. */
  readonly members: FieldNames;
  /** The lists among `members`. */
  readonly lists: ReadonlySet<string>;
  /** Matrix fields of the objects in a list. */
  readonly items: FieldNames;
}

const known = new WeakMap<ReadonlySet<string>, FieldPlaces>();

/**
 * The places of a set of fields, each `name` for a member of the body or `list[].name` for a member of each object in a list.
 * Routes pass the same set with every request.
 */
export function fieldPlacesOf(fields: ReadonlySet<string>): FieldPlaces {
  let places = known.get(fields);
  if (places === undefined) {
    const split = [...fields].map((field) => field.split('[].'));
    const lists = new Set(split.filter(({ length }) => length === 2).map(([list]) => list as string));
    const items = new Set(split.filter(({ length }) => length === 2).map(([, name]) => name as string));
    const members = new Set(split.map(([name]) => name as string));
    places = { members: new FieldNames(members), lists, items: new FieldNames(items) };
    known.set(fields, places);
  }
  return places;
}
