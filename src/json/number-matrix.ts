/**
 * What a JSON array of numbers, or an array of such arrays, becomes: one Float32Array with its shape. It says what was met
 * on the way (nulls, infinities, ragged rows) and leaves the judgement to the schemas.
 */
export class NumberMatrix {
  readonly rank: 1 | 2;
  /** 1 for rank 1. */
  readonly rows: number;
  /** The length of the first row. */
  readonly columns: number;
  /** rows * columns float32 values, row-major; `null` is NaN, which no JSON number becomes. Incomplete when ragged. */
  readonly data: Float32Array;
  readonly nullCount: number;
  /** How many numbers are infinite as float32, such as 1e39. */
  readonly infiniteCount: number;
  /** -1 when rectangular, else the first row whose length differs from row 0's. */
  readonly raggedRow: number;

  constructor(fields: {
    rank: 1 | 2;
    rows: number;
    columns: number;
    data: Float32Array;
    nullCount: number;
    infiniteCount: number;
    raggedRow: number;
  }) {
    this.rank = fields.rank;
    this.rows = fields.rows;
    this.columns = fields.columns;
    this.data = fields.data;
    this.nullCount = fields.nullCount;
    this.infiniteCount = fields.infiniteCount;
    this.raggedRow = fields.raggedRow;
  }
}
