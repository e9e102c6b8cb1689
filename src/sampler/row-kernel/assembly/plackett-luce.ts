// The probability of categories drawn in order without replacement (Plackett 1975, "The Analysis of Permutations"):
// each from softmax(l) among those that are left. In float64, and the result depends on row and order alone.

import { largest } from '../../noise/assembly/rows';
import { exp, expOf, log1pWide, log1pWideOf, logOf } from './exp-log';
import { restOf } from './log-softmax';
import { lostOf } from './sum';

/** Distances of logits up to this are taken as exponentials, far from the limits of float64. */
const REACH: f64 = 300;

/**
 * log p of the k categories at `order`, all different and none masked, drawn in this order:
 *
 *   sum_j (phi_j - log(1 - sum_{m < j} exp phi_m)) = sum_j -log1p(R_j / exp l_j)
 *
 * with R_j the sum of exp l over the categories that are left after pick j. So it goes from the last pick to the first
 * and only ever adds positive numbers: R of what is never picked, then each pick in its turn. Nothing cancels, also
 * where the first picks have all of the probability but 1e-4000. `left` is scratch for one row, `picked`
 * for k floats.
 *
 * R is kept relative to exp(reference), with the errors of its additions. The reference is one of the logits in R, so
 * R >= 1; it changes only where a pick is more than REACH above it. Below it by more, a pick adds nothing to R, and its
 * term is l - reference - log R, both parts at most 0.
 *
 * Accuracy, against the exact value, with u = 2^-53: |error| <= u (2 D + 16) |log p|, with D <= 708 the largest
 * distance of two logits whose exponentials are added or divided. Derivation: an exponential errs by u D from the
 * rounding of its argument and by 2 u; R is a mean of those, whatever k is; the quotient adds two such errors and 1 u,
 * log1p, whose relative condition is at most 1, 4 u; all terms have one sign, and their sum is compensated. Limit: a
 * term above -K 2^-1021 may be 0.
 */
export function orderLogProb(order: usize, k: u32, logits: usize, categories: u32, left: usize, picked: usize): f64 {
  const end = picked + <usize>k * 4;
  memory.copy(left, logits, <usize>categories * 4);
  for (let to = picked; to < end; to += 4, order += 4) {
    const place = <usize>load<u32>(order) * 4;
    store<f32>(to, load<f32>(logits + place));
    store<f32>(left + place, -Infinity);
  }
  begin(left, categories);
  let at = end - 4;
  if ((k & 1) != 0) {
    addPick(<f64>load<f32>(at));
    at -= 4;
  }
  for (; at > picked; at -= 8) addPicks(<f64>load<f32>(at), <f64>load<f32>(at - 4));
  return sum + sumLost;
}

// The state of one call of orderLogProb: R relative to exp(reference), and the sum of the terms, with what the
// additions to them lost.
let reference: f64 = 0;
let remaining: f64 = 0;
let remainingLost: f64 = 0;
let sum: f64 = 0;
let sumLost: f64 = 0;

/** Starts with what is never picked. If that is nothing, the first pick is above its reference of -Infinity. */
function begin(left: usize, categories: u32): void {
  const most = largest(left, categories);
  reference = <f64>most;
  remaining = 0;
  remainingLost = 0;
  sum = 0;
  sumLost = 0;
  if (most == -Infinity) return;
  addRemaining(1);
  addRemaining(restOf(left, categories, most));
}

/** Adds the term of a pick, and the pick to R. */
function addPick(l: f64): void {
  let distance = l - reference;
  if (distance < -REACH) {
    addTerm(distance - logOf(remaining));
    return;
  }
  if (distance > REACH) {
    const factor = expOf(-distance);
    remaining *= factor;
    remainingLost *= factor;
    reference = l;
    distance = 0;
  }
  const share = expOf(distance);
  addTerm(-log1pWideOf((remaining + remainingLost) / share));
  addRemaining(share);
}

/** The same of two picks, first and second from the end: in two lanes where both are within reach. */
function addPicks(first: f64, second: f64): void {
  const distances = f64x2.sub(f64x2.replace_lane(f64x2.splat(first), 1, second), f64x2.splat(reference));
  if (v128.any_true(f64x2.gt(f64x2.abs(distances), f64x2.splat(REACH)))) {
    addPick(first);
    addPick(second);
    return;
  }
  const shares = exp(distances);
  const before = remaining + remainingLost;
  addRemaining(f64x2.extract_lane(shares, 0));
  const after = remaining + remainingLost;
  addRemaining(f64x2.extract_lane(shares, 1));
  const terms = log1pWide(f64x2.div(f64x2.replace_lane(f64x2.splat(before), 1, after), shares));
  addTerm(-f64x2.extract_lane(terms, 0));
  addTerm(-f64x2.extract_lane(terms, 1));
}

@inline
function addRemaining(share: f64): void {
  const grown = remaining + share;
  remainingLost += lostOf(remaining, share, grown);
  remaining = grown;
}

@inline
function addTerm(term: f64): void {
  const next = sum + term;
  sumLost += lostOf(sum, term, next);
  sum = next;
}
