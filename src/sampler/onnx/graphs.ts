/**
 * The graphs that the workers run, written so that each reads like the mathematics of docs/design.md.
 *
 * For a row of logits l, noise g and temperature tau:
 *
 *     z = (l - max l) + g      index = argmax z      soft = softmax((z - max z) / tau)      hard = one_hot(index)
 *
 * How a model is encoded is left to `model.ts`, and running it to `session.ts`. The logits must be what `job.ts` promises:
 * finite or -infinity, at least one finite per row, and the temperatures within 1e-6 .. 1e6.
 *
 * z is two IEEE operations on float32, so z, index and hard rows have the same bits on every machine and provider. Soft rows
 * have the same bits for one provider, CPU feature set and ONNX Runtime version. Three choices keep them so, whatever the batch:
 *
 * - The sum over a row is left to Softmax. CPU ReduceSum adds in an order that depends on the address of the row.
 * - The division by tau is a multiplication by 1 / tau, which is cheaper and off by at most one more rounding.
 * - A soft value below 2^-126, the smallest normal float32, is written as 0. ONNX Runtime's AVX2 and NEON kernels clamp the
 *   exponent, so a masked category would come out as exp(-88.4) and not as 0, and GPUs flush such numbers anyway.
 */

import { GraphBuilder, type Value } from './model.js';

/** The smallest normal float32. Softmax of a masked category is at most exp(-88.376) = 0.36 * 2^-126 on every provider. */
const SMALLEST_NORMAL = 2 ** -126;

/** Inputs logits f32[N,K], noise f32[N,K], temperature f32[N,1], hard bool[N,1]; outputs samples f32[N,K], index i64[N,1]. */
export function drawGraph(): Uint8Array {
  const graph = new GraphBuilder('gumbel_softmax_draw');
  const z = perturbedLogits(graph);
  const temperature = graph.input('temperature', 'float32', ['N', 1]);
  const hard = graph.input('hard', 'bool', ['N', 1]);

  const index = argMax(graph, z);
  const oneHot = graph.node('Hardmax', [z], { axis: -1 });
  const scaled = mul(graph, sub(graph, z, max(graph, z)), reciprocal(graph, temperature));
  const soft = zeroUnder(graph, softmax(graph, scaled), SMALLEST_NORMAL);
  const samples = where(graph, hard, oneHot, soft);

  graph.output('samples', samples, 'float32', ['N', 'K']);
  graph.output('index', index, 'int64', ['N', 1]);
  return graph.encode();
}

/** Inputs logits f32[N,K], noise f32[N,K]; output index i64[N,1]: the draw of which nobody asked for the soft values. */
export function indexGraph(): Uint8Array {
  const graph = new GraphBuilder('gumbel_max_index');
  graph.output('index', argMax(graph, perturbedLogits(graph)), 'int64', ['N', 1]);
  return graph.encode();
}

/** z = (l - max l) + g. The subtraction comes first: added to large logits, the noise would be rounded away. */
function perturbedLogits(graph: GraphBuilder): Value {
  const logits = graph.input('logits', 'float32', ['N', 'K']);
  const noise = graph.input('noise', 'float32', ['N', 'K']);
  return add(graph, sub(graph, logits, max(graph, logits)), noise);
}

const add = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Add', [a, b]);
const sub = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Sub', [a, b]);
const mul = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Mul', [a, b]);
const reciprocal = (graph: GraphBuilder, a: Value) => graph.node('Reciprocal', [a]);
const where = (graph: GraphBuilder, condition: Value, a: Value, b: Value) => graph.node('Where', [condition, a, b]);

/** The functions below work along the categories of each row. */

const max = (graph: GraphBuilder, a: Value) =>
  graph.node('ReduceMax', [a, graph.constant('int64', [1], [-1])], { keepdims: 1 });

/** The lowest index on a tie, as ONNX asks with select_last_index 0. */
const argMax = (graph: GraphBuilder, a: Value) => graph.node('ArgMax', [a], { axis: -1, keepdims: 1, select_last_index: 0 });

const softmax = (graph: GraphBuilder, a: Value) => graph.node('Softmax', [a], { axis: -1 });

/** a where a > bound, and 0 elsewhere. */
const zeroUnder = (graph: GraphBuilder, a: Value, bound: number) =>
  graph.node('ThresholdedRelu', [a], { alpha: { float: bound } });
