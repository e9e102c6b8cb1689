/**
 * The ONNX graphs, written like the formulas of docs/design.md, "Mathematics".
 *
 * For a row of logits l, noise g and temperature tau:
 *
 *     z = (l - max l) + g      index = argmax z      soft = softmax((z - max z) / tau)      hard = one_hot(index)
 *
 * Inputs: logits finite or -infinity, with at least one finite in each row; finite noise; temperatures in 1e-6 .. 1e6.
 * model.ts encodes a graph, and session.ts runs it. The backward pass uses the exponential graph too.
 *
 * z is two IEEE operations on float32. So z, index and hard rows have the same bits on every machine and provider. Soft
 * rows have the same bits for one provider, CPU feature set and ONNX Runtime version, whatever else is in the batch.
 * For both promises:
 *
 * - ArgMax takes the first of equal values, as ONNX prescribes.
 * - The sum over a row is a CumSum. On the CPU, ReduceSum adds in an order that depends on the address of the row.
 * - max z is subtracted before the scaling: z / tau can be as large as 4.5e7, where float32 steps by 4.
 * - The division by tau is a multiplication by the rounded 1 / tau: cheaper, with one rounding more.
 * - A soft value of at most 2^-126, the smallest normal float32, becomes 0, because GPUs flush smaller numbers to 0.
 */

import { GraphBuilder, type Value } from './model.js';
import {
  add,
  argMax,
  cast,
  div,
  exp,
  max,
  mul,
  oneHotOfLargest,
  reciprocal,
  scalar,
  sub,
  sum,
  thresholded,
  where,
} from './operators.js';

/**
 * The smallest normal float32. Workaround: the AVX2 and NEON kernels of ONNX Runtime clamp the exponent at -88.376, so
 * a masked category gets up to 0.36 * 2^-126. LowerRangeSumExp in
 * https://github.com/microsoft/onnxruntime/blob/053663b8f9/onnxruntime/core/mlas/lib/compute.cpp
 * The threshold can go for the CPU when they do not clamp -infinity.
 */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * The whole draw in one graph, for other runtimes (`npm run export:onnx`). Inputs: logits f32[N,K], noise f32[N,K],
 * temperature f32[N,1], hard bool[N,1]. Outputs: samples f32[N,K], index i64[N,1].
 *
 * The workers do not run this graph. They compute z, argmax, sum and quotient in the noise kernel, which is faster
 * (`npm run bench:kernel`), and run only the exponential graph below. Index and hard samples have the same bits both
 * ways; soft samples have the same bits up to one unit in the last place, given the same exponential.
 */
export function completeGraph(): Uint8Array {
  const graph = new GraphBuilder('gumbel_softmax');
  const logits = graph.input('logits', 'float32', ['N', 'K']);
  const noise = graph.input('noise', 'float32', ['N', 'K']);
  const temperature = graph.input('temperature', 'float32', ['N', 1]);
  const hard = graph.input('hard', 'bool', ['N', 1]);
  const z = add(graph, belowLargest(graph, logits), noise);
  const samples = where(graph, hard, oneHotOfLargest(graph, z), softSamples(graph, z, temperature));
  graph.output('samples', samples, 'float32', ['N', 'K']);
  graph.output('index', argMax(graph, z), 'int64', ['N', 1]);
  return graph.encode();
}

/** The graph that the workers run. Input: x f32[N]. Output: exponential f32[N], e^x of each. */
export function exponentialGraph(): Uint8Array {
  const graph = new GraphBuilder('exponential');
  graph.output('exponential', exp(graph, graph.input('x', 'float32', ['N'])), 'float32', ['N']);
  return graph.encode();
}

/** softmax((z - max z) / tau), with sum and quotient in float64. */
function softSamples(graph: GraphBuilder, z: Value, temperature: Value): Value {
  const e = cast(graph, exp(graph, mul(graph, belowLargest(graph, z), reciprocal(graph, temperature))), 'float64');
  const soft = mul(graph, e, reciprocalOf(graph, sum(graph, e)));
  return thresholded(graph, cast(graph, soft, 'float32'), SMALLEST_NORMAL);
}

/** a - max a. */
const belowLargest = (graph: GraphBuilder, a: Value) => sub(graph, a, max(graph, a));

/** 1 / a in float64. */
const reciprocalOf = (graph: GraphBuilder, a: Value) => div(graph, scalar(graph, 'float64', 1), a);
