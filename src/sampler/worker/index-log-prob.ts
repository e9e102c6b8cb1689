/** The log-probability of one category of each draw, log softmax(l) at its index, in float64. */
import { LogProbKernel } from '../row-kernel/log-prob-kernel.js';
import { blockElementsMax } from '../row-kernel/row-kernel.js';

export class IndexLogProb {
  readonly #kernel: LogProbKernel;

  constructor(kernel = new LogProbKernel()) {
    this.#kernel = kernel;
  }

  /**
   * Writes phi = (l - max l) - log1p(rest) of each draw, -Infinity where the category is masked: two subtractions of
   * float64, in JavaScript the same as in WebAssembly. Normalises each row once, however many samples it has.
   *
   * @param logits float32 [rows, K]
   * @param indices of each draw, of which draw d is of row d % rows
   */
  write(logits: Float32Array, rows: number, indices: Int32Array | Float32Array, to: Float64Array): void {
    const kernel = this.#kernel;
    const categories = logits.length / rows;
    const rowsMax = Math.max(1, Math.floor(blockElementsMax / categories));
    kernel.reserve(categories);
    for (let first = 0; first < rows; first += rowsMax) {
      const end = Math.min(first + rowsMax, rows);
      kernel.logits.set(logits.subarray(first * categories, end * categories));
      kernel.normalize(end - first, categories);
      for (let row = first; row < end; row++) {
        const most = kernel.normalizers[2 * (row - first)];
        const logSum = kernel.normalizers[2 * (row - first) + 1];
        for (let draw = row; draw < to.length; draw += rows) {
          to[draw] = logits[row * categories + indices[draw]] - most - logSum;
        }
      }
    }
  }
}
