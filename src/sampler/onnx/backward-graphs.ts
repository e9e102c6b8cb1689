/**
 * The graphs of the backward pass: from a cotangent v, shaped like the samples, to the gradients of one draw per row.
 *
 * Summing over the samples of a row and reporting gradients that left float32 (as infinity) are left to the caller. What the
 * caller promises of logits, noise and temperatures stands in `graphs.ts`; the cotangent is finite, and as large as 3.4e38.
 *
 * The noise and the soft values y are those of the forward pass, bit for bit, and what is made of them is float64:
 *
 * - v - <v, y> loses every digit of float32 where v is nearly constant. In float64 the rounding of y is all that is left, and as
 *   y is first divided by its sum, a constant added to v changes nothing.
 * - No product or sum of float32 numbers leaves float64, so a gradient is infinite only if its own value leaves float32.
 * - A category whose y is 0 contributes exactly +0, since 0 times a finite number is 0 and what may be infinite there is
 *   replaced first.
 *
 * A row has the same bits whatever else is in the run: elementwise operators round as IEEE 754 asks, and `sum` adds in order.
 */

import { belowLargest, perturbed, probabilities, softmaxAt } from './graphs.js';
import { GraphBuilder, type Value } from './model.js';
import { add, cast, div, greater, mul, oneHotOfLargest, scalar, sub, sum, where } from './operators.js';

/**
 * The vector-Jacobian product of the soft draw, which is the straight-through gradient of the hard one. With
 * z = (l - max l) + g, d = z - max z and y = softmax(d / tau):
 *
 *     grad_logits = y (v - <v, y>) / tau      grad_temperature = -sum_k v_k y_k (d_k - <d, y>) / tau^2
 *
 * The sum is -<grad_logits, d> / tau: y (v - <v, y>) and y (d - <d, y>) are one symmetric matrix applied to v and to d.
 *
 * Inputs logits f32[N,K], noise f32[N,K], temperature f32[N,1], cotangent f32[N,K]; outputs grad_logits f32[N,K],
 * grad_temperature f32[N,1].
 */
export function vjpGraph(): Uint8Array {
  const graph = new GraphBuilder('gumbel_softmax_vjp');
  const logits = graph.input('logits', 'float32', ['N', 'K']);
  const noise = graph.input('noise', 'float32', ['N', 'K']);
  const d = belowLargest(graph, perturbed(graph, belowLargest(graph, logits), noise));
  const temperature = graph.input('temperature', 'float32', ['N', 1]);
  const cotangent = cast(graph, graph.input('cotangent', 'float32', ['N', 'K']), 'float64');
  const y = softmaxAt(graph, d, temperature);

  const tau = cast(graph, temperature, 'float64');
  const gradLogits = div(graph, softmaxVjp(graph, normalised(graph, y), cotangent), tau);
  const alongD = sum(graph, mul(graph, gradLogits, cast(graph, whereProbable(graph, y, d), 'float64')));
  const gradTemperature = div(graph, negated(graph, alongD), tau);
  graph.output('grad_logits', cast(graph, gradLogits, 'float32'), 'float32', ['N', 'K']);
  graph.output('grad_temperature', cast(graph, gradTemperature, 'float32'), 'float32', ['N', 1]);
  return graph.encode();
}

/**
 * ReinMax, an estimator for hard draws that is exact on average for quadratic functions at tau = 1 (Liu et al. 2023, "Bridging
 * Discrete and Backpropagation: Straight-Through and Beyond", Algorithm 2). With D = one_hot(argmax z), p = softmax(l) and
 * q = (softmax(l / tau) + D) / 2:
 *
 *     grad_logits = 2 q (v - <v, q>) - p (v - <v, p>) / 2
 *
 * The authors' code (https://github.com/microsoft/ReinMax, reinmax/reinmax.py) computes this, too, then subtracts the mean over
 * the categories. It is 0 but for rounding, and would give masked categories a gradient, so it is left out here.
 *
 * Inputs as for `vjpGraph`; output grad_logits f32[N,K].
 */
export function reinmaxGraph(): Uint8Array {
  const graph = new GraphBuilder('gumbel_max_reinmax');
  const shifted = belowLargest(graph, graph.input('logits', 'float32', ['N', 'K']));
  const noise = graph.input('noise', 'float32', ['N', 'K']);
  const drawn = cast(graph, oneHotOfLargest(graph, perturbed(graph, shifted, noise)), 'float64');
  const temperature = graph.input('temperature', 'float32', ['N', 1]);
  const cotangent = cast(graph, graph.input('cotangent', 'float32', ['N', 'K']), 'float64');

  const half = scalar(graph, 'float64', 0.5);
  const two = scalar(graph, 'float64', 2);
  const p = normalised(graph, probabilities(graph, shifted));
  const q = mul(graph, add(graph, normalised(graph, softmaxAt(graph, shifted, temperature)), drawn), half);
  const second = mul(graph, softmaxVjp(graph, q, cotangent), two);
  const first = mul(graph, softmaxVjp(graph, p, cotangent), half);
  graph.output('grad_logits', cast(graph, sub(graph, second, first), 'float32'), 'float32', ['N', 'K']);
  return graph.encode();
}

/** y (v - <v, y>), the softmax's Jacobian at the probabilities y applied to v: +0 where y is 0. */
function softmaxVjp(graph: GraphBuilder, y: Value, v: Value): Value {
  return negated(graph, mul(graph, y, sub(graph, sum(graph, mul(graph, y, v)), v)));
}

/** float32 probabilities as float64 that add up to 1. */
function normalised(graph: GraphBuilder, y: Value): Value {
  const wide = cast(graph, y, 'float64');
  return div(graph, wide, sum(graph, wide));
}

/** `a` where y is positive and 0 elsewhere: d may be -infinity there. */
function whereProbable(graph: GraphBuilder, y: Value, a: Value): Value {
  const zero = scalar(graph, 'float32', 0);
  return where(graph, greater(graph, y, zero), a, zero);
}

/** 0 - a, which is +0 for both zeros; Neg would make -0, and ONNX Runtime drops an addition of 0. */
const negated = (graph: GraphBuilder, a: Value) => sub(graph, scalar(graph, 'float64', 0), a);
