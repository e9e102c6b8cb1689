/**
 * The ONNX operators of graphs.ts, under their mathematical names.
 *
 * The result for a row must not depend on the position of the row in the tensor. That excludes ReduceSum (see `sum`),
 * and Exp of float64: its kernel computes the last few elements of the tensor with another function.
 */

import { type ElementType, type GraphBuilder, ONNX_ELEMENT_TYPES, type Value } from './model.js';

export const add = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Add', [a, b]);
export const sub = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Sub', [a, b]);
export const mul = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Mul', [a, b]);
export const div = (graph: GraphBuilder, a: Value, b: Value) => graph.node('Div', [a, b]);
/** e^a of float32. */
export const exp = (graph: GraphBuilder, a: Value) => graph.node('Exp', [a]);
export const reciprocal = (graph: GraphBuilder, a: Value) => graph.node('Reciprocal', [a]);
export const where = (graph: GraphBuilder, condition: Value, a: Value, b: Value) =>
  graph.node('Where', [condition, a, b]);

/** The nearest value of another type. */
export const cast = (graph: GraphBuilder, a: Value, to: ElementType) =>
  graph.node('Cast', [a], { to: ONNX_ELEMENT_TYPES[to] });

/** A constant of rank 0, which broadcasts to every shape. */
export const scalar = (graph: GraphBuilder, type: ElementType, value: number) => graph.constant(type, [], [value]);

/** The values above the threshold; 0 in place of the others. */
export const thresholded = (graph: GraphBuilder, a: Value, threshold: number) =>
  graph.node('ThresholdedRelu', [a], { alpha: { float: threshold } });

// The functions below work along the categories of each row.

export const max = (graph: GraphBuilder, a: Value) =>
  graph.node('ReduceMax', [a, graph.constant('int64', [1], [-1])], { keepdims: 1 });

/**
 * The last of the running sums of each row. On the CPU, ReduceSum adds in an order that depends on the address of the
 * row, in float32 and in float64. CumSum must add in the order of the categories. A MatMul with ones would be slower
 * for short rows.
 */
export const sum = (graph: GraphBuilder, a: Value) =>
  graph.node('Gather', [graph.node('CumSum', [a, scalar(graph, 'int64', -1)]), graph.constant('int64', [1], [-1])], {
    axis: -1,
  });

/** The one-hot vector of the first of the largest values, as ONNX prescribes for Hardmax. */
export const oneHotOfLargest = (graph: GraphBuilder, a: Value) => graph.node('Hardmax', [a], { axis: -1 });

/** The index of the first of the largest values. */
export const argMax = (graph: GraphBuilder, a: Value) =>
  graph.node('ArgMax', [a], { axis: -1, keepdims: 1, select_last_index: 0 });
