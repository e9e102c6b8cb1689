/**
 * A JSON array of numbers, nested one to nine deep, as one Float32Array with its shape. It records nulls, infinities
 * and raggedness; the schemas decide whether to accept them.
 */
export class NumberMatrix {
  /** The sizes of its axes, outermost first. If it is ragged, those of the first array of each depth. */
  readonly shape: readonly number[];
  /** float32 values, row-major; `null` is NaN, which no JSON number becomes. Empty if ragged. */
  readonly data: Float32Array;
  readonly nullCount: number;
  /** The number of values that are infinite as float32, such as 1e39. */
  readonly infiniteCount: number;
  /** The indices of the first array with another size than the first one of its depth; undefined if there is none. */
  readonly raggedPath: readonly number[] | undefined;
  /**
   * The source text of an array in a list's object, or of integers: these may have more digits than float32 keeps. It
   * is a view of the body, so it is read before the buffer of the body is used again.
   */
  readonly text: Buffer | undefined;

  constructor(fields: {
    shape: readonly number[];
    data: Float32Array;
    nullCount: number;
    infiniteCount: number;
    raggedPath: readonly number[] | undefined;
    text?: Buffer;
  }) {
    this.shape = fields.shape;
    this.data = fields.data;
    this.nullCount = fields.nullCount;
    this.infiniteCount = fields.infiniteCount;
    this.raggedPath = fields.raggedPath;
    this.text = fields.text;
  }
}
