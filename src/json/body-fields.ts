/** What a route says of its bodies: which fields are long arrays, and what the others may hold at most. */
import { FieldNames } from './field-names.js';

/** A field whose value may be a long array. */
export type ArrayField =
  /** Numbers and nulls, nested at most `axesMax` deep, 1 to 3; `axes` says to a client what the axes are. */
  | { readonly holds: 'numbers'; readonly axesMax: number; readonly axes?: string }
  /** The same, or flags: the elements of a tensor. */
  | { readonly holds: 'elements'; readonly axesMax: number; readonly axes?: string }
  /** Integers and strings of digits, at most `countMax`. */
  | { readonly holds: 'seeds'; readonly countMax: number };

/**
 * The long arrays of a body, each as `name` for a member of the body or `list[].name` for a member of each object in a
 * list. Made once a route.
 */
export class BodyFields {
  /** Fields and lists of the body. */
  readonly members: FieldNames;
  /** The lists among `members`. */
  readonly lists: ReadonlySet<string>;
  /** Fields of the objects in a list. */
  readonly items: FieldNames;
  readonly #arrays = new Map<string, ArrayField>();
  readonly #arraysOfItems = new Map<string, ArrayField>();

  /** @param others names of fields that are no long arrays, so that an error can point at them */
  constructor(arrays: Readonly<Record<string, ArrayField>>, others: readonly string[] = []) {
    const lists = new Set<string>();
    for (const [place, field] of Object.entries(arrays)) {
      const [name, item] = place.split('[].') as [string, string | undefined];
      if (item === undefined) {
        this.#arrays.set(name, field);
      } else {
        lists.add(name);
        this.#arraysOfItems.set(item, field);
      }
    }
    this.lists = lists;
    this.members = new FieldNames(new Set([...this.#arrays.keys(), ...lists, ...others]));
    this.items = new FieldNames(new Set(this.#arraysOfItems.keys()));
  }

  /** What the member of the body, or of an object in a list, may hold; undefined for one that is no long array. */
  arrayOf(name: string, inList: boolean): ArrayField | undefined {
    return (inList ? this.#arraysOfItems : this.#arrays).get(name);
  }
}
