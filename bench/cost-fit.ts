/**
 * Fits weights to measurements: non-negative, and so that the largest ratio of model to measurement is as small as it
 * gets.
 */
import type { Weights } from '../src/sampler/cost.js';

export interface Measurement {
  /** Linear in the weights. */
  readonly cost: (weights: Weights) => number;
  readonly measured: number;
}

/** Rounds of least squares, after each of which the cases that are furthest off count for more. */
const rounds = 60;
/** Sweeps over all weights in a round. */
const sweeps = 200;

/** Weights as one list, and back. */
function listOf(weights: Weights): number[] {
  return Object.values(weights).flat() as number[];
}

function weightsOf(shape: Weights, list: readonly number[]): Weights {
  let next = 0;
  const entries = Object.entries(shape).map(([name, value]) => [
    name,
    typeof value === 'number' ? list[next++] : (value as readonly number[]).map(() => list[next++]),
  ]);
  return Object.fromEntries(entries);
}

/**
 * Minimises the sum of squares of the relative errors by coordinate descent within the non-negative numbers, then
 * weighs each case by how far off it is and does so again (Lawson's algorithm for the minimax fit). `shape` gives the
 * names.
 */
export function fitWeights(shape: Weights, measurements: readonly Measurement[]): Weights {
  const count = listOf(shape).length;
  // The model is linear: its coefficients are its values at the unit vectors.
  const units = Array.from({ length: count }, (_, at) =>
    weightsOf(
      shape,
      Array.from({ length: count }, (_, place) => (place === at ? 1 : 0)),
    ),
  );
  const matrix = measurements.map(({ cost, measured }) => units.map((unit) => cost(unit) / measured));
  const importance = measurements.map(() => 1);
  const solution = Array<number>(count).fill(0);
  let best = { worst: Number.POSITIVE_INFINITY, solution: [...solution] };
  for (let round = 0; round < rounds; round++) {
    descend(matrix, importance, solution);
    const ratios = matrix.map((row) => row.reduce((sum, value, at) => sum + value * solution[at], 0));
    const off = ratios.map((ratio) => Math.abs(Math.log(Math.max(ratio, 1e-9))));
    const worst = Math.max(...off);
    if (worst < best.worst) best = { worst, solution: [...solution] };
    const total = importance.reduce((sum, value, at) => sum + value * off[at], 0);
    for (const [at, value] of importance.entries()) {
      // Some importance stays with every case, so that the fit is good also where it is not worst.
      importance[at] = 0.2 + (0.8 * value * off[at] * importance.length) / total;
    }
  }
  return weightsOf(shape, best.solution);
}

function descend(matrix: readonly (readonly number[])[], importance: readonly number[], solution: number[]): void {
  const residuals = matrix.map((row) => row.reduce((sum, value, at) => sum + value * solution[at], -1));
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let at = 0; at < solution.length; at++) {
      let gradient = 0;
      let curvature = 0;
      for (const [index, row] of matrix.entries()) {
        const value = row[at];
        if (value === 0) continue;
        gradient += importance[index] * value * residuals[index];
        curvature += importance[index] * value * value;
      }
      if (curvature === 0) continue;
      const step = Math.max(-solution[at], -gradient / curvature);
      if (step === 0) continue;
      solution[at] = solution[at] + step;
      for (const [index, row] of matrix.entries()) {
        residuals[index] = residuals[index] + step * row[at];
      }
    }
  }
}
