import t from 'tap';
import { GraphBuilder } from '../../../src/sampler/onnx/model.js';

/**
 * The model of the first test as onnx 1.23.2 for Python writes it: helper.make_model(..., ir_version=8),
 * SerializeToString.
 */
const TINY_MODEL_HEX =
  '0808120e67756d62656c2d73616d706c65723ac5010a4d0a017812135468726573686f6c64656452656c755f305f301a115468726573686f' +
  '6c64656452656c755f30220f5468726573686f6c64656452656c752a0f0a05616c706861150000003fa001010a420a135468726573686f6c' +
  '64656452656c755f305f301201791a09536f66746d61785f312207536f66746d61782a140a046178697318ffffffffffffffffff01a00102' +
  '120474696e795a140a0178120f0a0d080112090a0312014e0a02080362140a0179120f0a0d080112090a0312014e0a02080342040a001012';

/**
 * numpy_helper.from_array(array([-1, 258], int64), 'constant_0') of the same package, but with packed dims as in
 * onnx.proto3.
 */
const TENSOR_HEX = '0a010210074a10ffffffffffffffff0201000000000000';

t.test("a model has the bytes that ONNX's own writer gives it", async (t) => {
  const graph = new GraphBuilder('tiny');
  const x = graph.input('x', 'float32', ['N', 3]);
  const y = graph.node('Softmax', [graph.node('ThresholdedRelu', [x], { alpha: { float: 0.5 } })], { axis: -1 });
  graph.output('y', y, 'float32', ['N', 3]);
  t.equal(Buffer.from(graph.encode()).toString('hex'), TINY_MODEL_HEX);
});

t.test('a constant is written with its shape, type and little-endian values', async (t) => {
  const graph = new GraphBuilder('constant');
  graph.constant('int64', [2], [-1, 258]);
  const bytes = Buffer.from(graph.encode()).toString('hex');
  const name = `420a${Buffer.from('constant_0').toString('hex')}`;
  t.match(bytes, TENSOR_HEX.replace('1007', `1007${name}`));
});

t.test('a float64 constant takes eight bytes a value', async (t) => {
  const graph = new GraphBuilder('constant');
  graph.constant('float64', [], [-0.5]);
  // TensorProto.data_type is field 2 and DOUBLE 11; raw_data is field 9, eight bytes.
  t.match(
    Buffer.from(graph.encode()).toString('hex'),
    `100b420a${Buffer.from('constant_0').toString('hex')}4a08000000000000e0bf`,
  );
});

t.test('an operator with several outputs names them in order', async (t) => {
  const graph = new GraphBuilder('several');
  const one = graph.constant('int64', [1], [1]);
  const [value, index] = graph.nodeOf(2, 'TopK', [graph.input('x', 'float32', ['N', 'K']), one]);
  graph.output('index', index, 'int64', ['N', 1]);
  graph.output('value', value, 'float32', ['N', 1]);
  // NodeProto.output is field 2: each name stands behind a key 0x12 and its length, 5.
  t.match(Buffer.from(graph.encode()).toString('latin1'), '\x12\x05value\x12\x05index');
});

t.test('a constant whose values do not fill its shape is refused', async (t) => {
  t.throws(() => new GraphBuilder('misuse').constant('float32', [2, 2], [1, 2, 3]), { message: /This is a bug\.$/ });
});

t.test('an input cannot be an output, and a result only once', async (t) => {
  const graph = new GraphBuilder('misuse');
  const x = graph.input('x', 'float32', ['N']);
  t.throws(() => graph.output('y', x, 'float32', ['N']), { message: /This is a bug\.$/ });
  const negated = graph.node('Neg', [x]);
  graph.output('y', negated, 'float32', ['N']);
  t.throws(() => graph.output('z', negated, 'float32', ['N']), { message: /This is a bug\.$/ });
});
