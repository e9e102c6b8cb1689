/**
 * One row of the draw in float64, written from section 2 of the design alone and sharing no code with the graphs.
 *
 * z is part of the contract and so is rounded to float32 twice, as it prescribes; everything after it is float64.
 */

/** What a row of logits and noise draws at a temperature. */
export interface ReferenceDraw {
  readonly index: number;
  readonly soft: Float64Array;
  /** (z - max z) / temperature: what the softmax is taken of. */
  readonly scaled: Float64Array;
}

export function referenceDraw(logits: ArrayLike<number>, noise: ArrayLike<number>, temperature: number): ReferenceDraw {
  const maxLogit = Math.max(...chunkMaxima(logits));
  const z = Float64Array.from(logits, (logit, category) =>
    Math.fround(Math.fround(logit - maxLogit) + noise[category]),
  );
  const maxZ = Math.max(...chunkMaxima(z));
  const scaled = z.map((value) => (value - maxZ) / temperature);
  const weights = scaled.map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { index: z.indexOf(maxZ), soft: weights.map((weight) => weight / total), scaled };
}

/** A function takes at most about 10^5 arguments, so the maximum is found in parts. */
function chunkMaxima(values: ArrayLike<number>): number[] {
  const all = Array.from(values);
  const maxima: number[] = [];
  for (let start = 0; start < all.length; start += 1000) maxima.push(Math.max(...all.slice(start, start + 1000)));
  return maxima;
}
