/** The check of `top_k` against the logits. */
import { type IssueSink, report } from './issue.js';
import type { Logits } from './logits.js';

/** Without replacement, a row can draw at most as many categories as it has unmasked. */
export function checkTopK({ rows, categories, data }: Logits, topK: number, sink: IssueSink): void {
  if (topK <= 1) return;
  for (let row = 0; row < rows; row++) {
    let unmasked = 0;
    for (let index = row * categories; index < (row + 1) * categories; index++)
      if (data[index] !== -Infinity) unmasked += 1;
    if (topK <= unmasked) continue;
    const message = `must be at most the number of unmasked categories (${unmasked} in row ${row})`;
    report(sink, 'validation', ['top_k'], message);
    return;
  }
}
