/** Bias and variance of gradient estimates, against the exact gradient of an expectation over the categories. */

export interface GradientError {
  /** Euclidean norm of the mean of the estimates less the exact gradient. */
  readonly bias: number;
  /** Sum over the logits of the variance of one estimate. */
  readonly variance: number;
  /** How large `bias` would look if it were 0: the standard error of the mean. */
  readonly noise: number;
}

/** d E[value of the category drawn] / d logits = p (v - <v, p>), with p = softmax(logits). */
export function exactGradient(probabilities: readonly number[], values: readonly number[]): number[] {
  const mean = probabilities.reduce((sum, p, k) => sum + p * values[k], 0);
  return probabilities.map((p, k) => p * (values[k] - mean));
}

export function gradientError(estimates: readonly (readonly number[])[], exact: readonly number[]): GradientError {
  const count = estimates.length;
  let squaredBias = 0;
  let variance = 0;
  for (const [k, right] of exact.entries()) {
    const mean = estimates.reduce((sum, row) => sum + row[k], 0) / count;
    squaredBias += (mean - right) ** 2;
    variance += estimates.reduce((sum, row) => sum + (row[k] - mean) ** 2, 0) / (count - 1);
  }
  return { bias: Math.sqrt(squaredBias), variance, noise: Math.sqrt(variance / count) };
}
