/**
 * Writes ONNX models. GraphBuilder collects inputs, constants, operators and outputs, and encodes them as a ModelProto.
 *
 * It does not check whether operators and types fit together; ONNX Runtime does when it loads the model. Field numbers
 * and enum values are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). A comment names
 * each where it is used.
 */

import { Message } from './protobuf.js';

/** Opset 18 is the lowest in which every reduction takes its axes as an input. Older runtimes can load it, too. */
const OPSET_VERSION = 18;

/** IR version 8 was released with opset 18 (ONNX 1.13). */
const IR_VERSION = 8;

/** TensorProto.DataType: the numbers of element types, also for the attribute of Cast. */
export const ONNX_ELEMENT_TYPES = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 } as const;

/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE_FLOAT = 1;
const ATTRIBUTE_TYPE_INT = 2;

export type ElementType = keyof typeof ONNX_ELEMENT_TYPES;

/** The length of an axis: a number, or a name. Axes of the same name in a graph have the same length. */
export type Dimension = number | string;

/** A tensor in a graph: the result of an operator, an input or a constant. Valid only in the builder that made it. */
export interface Value {
  readonly name: string;
}

/** Attributes of an operator. A plain number is an ONNX integer; a float is written `{ float: 0.5 }`. */
export type Attributes = Readonly<Record<string, number | { readonly float: number }>>;

export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: { operator: string; inputs: readonly Value[]; outputs: readonly Value[]; attributes: Attributes }[] =
    [];
  readonly #constants: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  readonly #outputNames = new Map<Value, string>();

  constructor(name: string) {
    this.#name = name;
  }

  input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return { name };
  }

  /** A constant of any shape, with its values in row-major order. */
  constant(type: ElementType, shape: readonly number[], values: readonly number[]): Value {
    const size = shape.reduce((product, length) => product * length, 1);
    if (size !== values.length) throw new Error(`A constant of ${size} elements has ${values.length}. This is a bug.`);
    const name = `constant_${this.#constants.length}`;
    this.#constants.push(
      new Message()
        .packedIntegers(1, shape) // TensorProto.dims
        .integer(2, ONNX_ELEMENT_TYPES[type]) // TensorProto.data_type
        .string(8, name) // TensorProto.name
        .bytes(9, littleEndian(type, values)), // TensorProto.raw_data
    );
    return { name };
  }

  /** Adds an operator of the default domain with one output. */
  node(operator: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.nodeOf(1, operator, inputs, attributes)[0];
  }

  /** Adds an operator of the default domain with several outputs. */
  nodeOf(outputCount: number, operator: string, inputs: readonly Value[], attributes: Attributes = {}): Value[] {
    const name = `${operator}_${this.#nodes.length}`;
    const outputs = Array.from({ length: outputCount }, (_, index) => ({ name: `${name}_${index}` }));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /** Makes the result of an operator an output of the graph, under a name. */
  output(name: string, value: Value, type: ElementType, shape: readonly Dimension[]): void {
    if (!this.#nodes.some((node) => node.outputs.includes(value)) || this.#outputNames.has(value))
      throw new Error(`Output ${name} is not the result of an operator or is an output already. This is a bug.`);
    this.#outputNames.set(value, name);
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** The bytes of the ModelProto. */
  encode(): Uint8Array {
    const opset = new Message().string(1, '').integer(2, OPSET_VERSION); // OperatorSetIdProto.domain, version
    return new Message()
      .integer(1, IR_VERSION) // ModelProto.ir_version
      .string(2, 'gumbel-sampler') // ModelProto.producer_name
      .message(7, this.#graph()) // ModelProto.graph
      .message(8, opset) // ModelProto.opset_import
      .encode();
  }

  #graph(): Message {
    const graph = new Message();
    this.#nodes.forEach((_, index) => {
      graph.message(1, this.#node(index)); // GraphProto.node
    });
    graph.string(2, this.#name); // GraphProto.name
    for (const constant of this.#constants) graph.message(5, constant); // GraphProto.initializer
    for (const input of this.#inputs) graph.message(11, input); // GraphProto.input
    for (const output of this.#outputs) graph.message(12, output); // GraphProto.output
    return graph;
  }

  #node(index: number): Message {
    const { operator, inputs, outputs, attributes } = this.#nodes[index];
    const node = new Message();
    for (const input of inputs) node.string(1, this.#nameOf(input)); // NodeProto.input
    for (const output of outputs) node.string(2, this.#nameOf(output)); // NodeProto.output
    node.string(3, `${operator}_${index}`); // NodeProto.name
    node.string(4, operator); // NodeProto.op_type
    // NodeProto.attribute
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    return node;
  }

  #nameOf(value: Value): string {
    return this.#outputNames.get(value) ?? value.name;
  }
}

function attribute(name: string, value: number | { readonly float: number }): Message {
  const message = new Message().string(1, name); // AttributeProto.name
  if (typeof value === 'number')
    message.integer(3, value).integer(20, ATTRIBUTE_TYPE_INT); // AttributeProto.i, type
  else message.float(2, value.float).integer(20, ATTRIBUTE_TYPE_FLOAT); // AttributeProto.f, type
  return message;
}

function valueInfo(name: string, type: ElementType, dimensions: readonly Dimension[]): Message {
  const shape = new Message();
  for (const length of dimensions) {
    const dimension = new Message();
    if (typeof length === 'number')
      dimension.integer(1, length); // TensorShapeProto.Dimension.dim_value
    else dimension.string(2, length); // TensorShapeProto.Dimension.dim_param
    shape.message(1, dimension); // TensorShapeProto.dim
  }
  // TypeProto.Tensor.elem_type, shape
  const tensor = new Message().integer(1, ONNX_ELEMENT_TYPES[type]).message(2, shape);
  // ValueInfoProto.name, type; TypeProto.tensor_type
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

/** TensorProto.raw_data is little-endian on every machine. */
function littleEndian(type: ElementType, values: readonly number[]): Uint8Array {
  const size = { float32: 4, int32: 4, int64: 8, bool: 1, float64: 8 }[type];
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (type === 'float32') view.setFloat32(index * size, value, true);
    else if (type === 'float64') view.setFloat64(index * size, value, true);
    else if (type === 'int32') view.setInt32(index * size, value, true);
    else if (type === 'int64') view.setBigInt64(index * size, BigInt(value), true);
    else view.setUint8(index, value);
  });
  return bytes;
}
