/** Arrays of a body whose entries are not floats: nested, each with an entry for a row, and repeated by the reply. */

/** The shape of an array. */
export interface EntryShape {
  /** The sizes of its axes, outermost first. If it is ragged, those of the first array of each depth. */
  readonly shape: readonly number[];
  /** The indices of the first array with another size than the first one of its depth; undefined if there is none. */
  readonly raggedPath: readonly number[] | undefined;
}

export abstract class EntryList implements EntryShape {
  readonly count: number;
  readonly shape: readonly number[];
  readonly raggedPath: readonly number[] | undefined;

  constructor(count: number, { shape, raggedPath }: EntryShape) {
    this.count = count;
    this.shape = shape;
    this.raggedPath = raggedPath;
  }

  /** JSON of an entry behind a separator. */
  protected abstract textOf(index: number, separator: string): string;

  /** JSON of entries [from, to), each behind the separator from the one before it; without the outermost brackets. */
  print(from: number, to: number): string {
    let text = '';
    for (let index = from; index < to; index++) {
      text += this.textOf(index, index === 0 ? '' : separatorBefore(index, this.shape));
    }
    return text;
  }
}

/**
 * The text between an element of nested arrays and the one before it: a comma, and the brackets of the arrays that end
 * and begin there.
 */
export function separatorBefore(index: number, shape: readonly number[]): string {
  let ended = 0;
  let size = 1;
  for (let axis = shape.length - 1; axis > 0; axis--) {
    size *= shape[axis];
    if (index % size !== 0) break;
    ended += 1;
  }
  return `${']'.repeat(ended)},${'['.repeat(ended)}`;
}
