/**
 * The graphs that the workers run, written so that each reads like the mathematics of docs/design.md.
 *
 * For a row of logits l, noise g and temperature tau:
 *
 *     z = (l - max l) + g      index = argmax z      soft = softmax((z - max z) / tau)      hard = one_hot(index)
 *
 * The backward pass is left to `backward-graphs.ts`, how a model is encoded to `model.ts`, and running it to
 * `session.ts`. The caller promises logits that are finite or -infinity with at least one finite per row, finite noise,
 * and temperatures within 1e-6 .. 1e6.
 *
 * z is two IEEE operations on float32, so z, index and hard rows have the same bits on every machine and provider. Soft
 * rows have the same bits for one provider, CPU feature set and ONNX Runtime version, whatever else is in the batch. To
 * keep both promises:
 *
 * - ArgMax takes the first of equal values, as ONNX prescribes.
 * - The sum over a row is left to Softmax: on the CPU, ReduceSum adds in an order that depends on the address of the
 *   row.
 * - max z is subtracted before the scaling: z / tau can be as large as 4.5e7, where float32 steps by 4.
 * - The division by tau is a multiplication by the rounded 1 / tau: cheaper, at the cost of one rounding more.
 * - A soft value of at most 2^-126, the smallest normal float32, becomes 0. ONNX Runtime's AVX2 and NEON kernels clamp
 *   the exponent, so a masked category would come out as exp(-88.4) there; and GPUs flush such numbers anyway.
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
 * The smallest normal float32; the AVX2 and NEON kernels give a masked category at most exp(-88.376) = 0.36 * 2^-126.
 */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * The whole draw in one graph, for other runtimes: inputs logits f32[N,K], noise f32[N,K], temperature f32[N,1], hard
 * bool[N,1]; outputs samples f32[N,K], index i64[N,1].
 *
 * The workers compute what is exact, z and its argmax, beside the noise, where it costs a fifth of what it costs as
 * nodes, and run the two graphs below for the softmax. Both ways give the same bits.
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

/** The graph of the workers: input x f32[N], output exponential f32[N], e^x of each. */
export function exponentialGraph(): Uint8Array {
  const graph = new GraphBuilder('exponential');
  graph.output('exponential', exp(graph, graph.input('x', 'float32', ['N'])), 'float32', ['N']);
  return graph.encode();
}

/** softmax((z - max z) / tau), its sum and quotient in float64. */
function softSamples(graph: GraphBuilder, z: Value, temperature: Value): Value {
  const e = cast(graph, exp(graph, mul(graph, belowLargest(graph, z), reciprocal(graph, temperature))), 'float64');
  const soft = mul(graph, e, reciprocalOf(graph, sum(graph, e)));
  return thresholded(graph, cast(graph, soft, 'float32'), SMALLEST_NORMAL);
}

/** a - max a. */
const belowLargest = (graph: GraphBuilder, a: Value) => sub(graph, a, max(graph, a));

/** 1 / a of float64. */
const reciprocalOf = (graph: GraphBuilder, a: Value) => div(graph, scalar(graph, 'float64', 1), a);
