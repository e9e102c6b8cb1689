/** The body fields of a route: which of them are long arrays, and how large and how deep these may be. */
import { FieldNames } from './field-names.js';

/**
 * A field whose value may be a long array, nested at most `axesMax` deep. `axes` names the axes in an error message.
 *
 * - numbers: numbers and nulls. With `isWhole` they should be integers, so the array keeps its text (whole-numbers.ts)
 * - elements: numbers and nulls, or true and false: the elements of a tensor
 * - seeds: integers and strings of digits, at most `countMax`, one for each row of logits
 * - flags: true and false, as many
 */
export type ArrayField = { readonly axesMax: number; readonly axes?: string } & (
  | { readonly holds: 'numbers'; readonly isWhole?: boolean }
  | { readonly holds: 'elements' }
  | { readonly holds: 'seeds' | 'flags'; readonly countMax: number }
);

/**
 * The long arrays of a body. The key `name` stands for a member of the body, `list[].name` for a member of each object
 * in a list. Each route makes one instance.
 */
export class BodyFields {
  /** Names of the fields and lists of the body. */
  readonly members: FieldNames;
  /** Names of the lists among `members`. */
  readonly lists: ReadonlySet<string>;
  /** Names of the array fields of the objects in a list. */
  readonly items: FieldNames;
  readonly #arrays = new Map<string, ArrayField>();
  readonly #itemArrays = new Map<string, ArrayField>();

  /** @param others names of fields that are not long arrays, so that an error can point at them */
  constructor(arrays: Readonly<Record<string, ArrayField>>, others: readonly string[] = []) {
    const lists = new Set<string>();
    for (const [key, field] of Object.entries(arrays)) {
      const [name, item] = key.split('[].') as [string, string | undefined];
      if (item === undefined) {
        this.#arrays.set(name, field);
      } else {
        lists.add(name);
        this.#itemArrays.set(item, field);
      }
    }
    this.lists = lists;
    this.members = new FieldNames(new Set([...this.#arrays.keys(), ...lists, ...others]));
    this.items = new FieldNames(new Set(this.#itemArrays.keys()));
  }

  /** The array type of a member of the body, or of an object in a list; undefined if the member is not a long array. */
  arrayOf(name: string, inList: boolean): ArrayField | undefined {
    return (inList ? this.#itemArrays : this.#arrays).get(name);
  }
}
