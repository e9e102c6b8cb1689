/**
 * A JSON array of numbers, nested one to three deep, as one Float32Array with its shape. It records nulls, infinities
 * and ragged rows; the schemas decide whether to accept them.
 */
export class NumberMatrix {
  readonly rank: 1 | 2 | 3;
  /** The outermost size at rank 3, otherwise 1. */
  readonly samples: number;
  /** 1 for rank 1. */
  readonly rows: number;
  /** The length of the first row. */
  readonly columns: number;
  /**
   * samples * rows * columns float32 values, row-major; `null` is NaN, which no JSON number becomes. Incomplete if
   * ragged.
   */
  readonly data: Float32Array;
  readonly nullCount: number;
  /** The number of values that are infinite as float32, such as 1e39. */
  readonly infiniteCount: number;
  /**
   * -1 if rectangular, otherwise the index of the first row (at rank 3 the first sample) whose shape is not that of
   * index 0.
   */
  readonly raggedRow: number;
  /**
   * The source text of an array in a list's object, or of integers: these may have more digits than float32 keeps. It
   * is a view of the body, so it is read before the buffer of the body is used again.
   */
  readonly text: Buffer | undefined;

  constructor(fields: {
    rank: 1 | 2 | 3;
    samples?: number;
    rows: number;
    columns: number;
    data: Float32Array;
    nullCount: number;
    infiniteCount: number;
    raggedRow: number;
    text?: Buffer;
  }) {
    this.rank = fields.rank;
    this.samples = fields.samples ?? 1;
    this.rows = fields.rows;
    this.columns = fields.columns;
    this.data = fields.data;
    this.nullCount = fields.nullCount;
    this.infiniteCount = fields.infiniteCount;
    this.raggedRow = fields.raggedRow;
    this.text = fields.text;
  }
}
