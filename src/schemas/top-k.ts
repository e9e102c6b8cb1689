/** The check between `top_k` and the logits it draws from. */
import { type IssueSink, report } from './issue.js';
import type { Logits } from './logits.js';

/** Without replacement no more categories can be drawn than a row has unmasked. */
export function checkTopK({ rows, categories, data }: Logits, topK: number, sink: IssueSink): void {
  if (topK <= 1) return;
  for (let row = 0; row < rows; row++) {
    let unmasked = 0;
    for (let at = row * categories; at < (row + 1) * categories; at++) if (data[at] !== -Infinity) unmasked += 1;
    if (topK <= unmasked) continue;
    const message = `must be at most the number of unmasked categories (${unmasked} in row ${row})`;
    report(sink, 'validation', ['top_k'], message);
    return;
  }
}
