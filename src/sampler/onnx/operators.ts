/**
 * The ONNX operators that the graphs use, each under the name that it has in the mathematics.
 *
 * What is computed with them is left to `graphs.ts` and `backward-graphs.ts`. Only operators whose result for a row
 * does not depend on where the row stands belong here: ReduceSum does (see `sum`), and so does Exp of float64, whose
 * kernel takes the last few elements of the tensor one by one with another function.
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

/** A number that broadcasts against every tensor. */
export const scalar = (graph: GraphBuilder, type: ElementType, value: number) => graph.constant(type, [], [value]);

/** 0 in place of every value that is not above the threshold. */
export const thresholded = (graph: GraphBuilder, a: Value, threshold: number) =>
  graph.node('ThresholdedRelu', [a], { alpha: { float: threshold } });

// The functions below work along the categories of each row.

export const max = (graph: GraphBuilder, a: Value) =>
  graph.node('ReduceMax', [a, graph.constant('int64', [1], [-1])], { keepdims: 1 });

/**
 * The last of the running sums. On the CPU, ReduceSum adds in an order that depends on the address of the row, in
 * float32 and in float64; CumSum has to add one category after the other. It takes 3 ns an element in long rows, as the
 * product of a batch of rows and a batch of columns does, and 2 ns in rows of ten, where that takes 20.
 */
export const sum = (graph: GraphBuilder, a: Value) =>
  graph.node('Gather', [graph.node('CumSum', [a, scalar(graph, 'int64', -1)]), graph.constant('int64', [1], [-1])], {
    axis: -1,
  });

/** One 1, at the first of the largest values, as ONNX prescribes for Hardmax. */
export const oneHotOfLargest = (graph: GraphBuilder, a: Value) => graph.node('Hardmax', [a], { axis: -1 });

/** Where the first of the largest values is. */
export const argMax = (graph: GraphBuilder, a: Value) =>
  graph.node('ArgMax', [a], { axis: -1, keepdims: 1, select_last_index: 0 });
