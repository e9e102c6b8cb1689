import t from 'tap';
import { GraphBuilder } from '../../../src/sampler/onnx/model.js';
import { sum } from '../../../src/sampler/onnx/operators.js';
import { uniform, WIDTHS } from '../../support/onnx-inputs.js';

process.env.ORT_DISABLE_TELEMETRY = '1';
const { InferenceSession, Tensor } = await import('onnxruntime-node');

t.test('the sum of a row adds in order, so its bits depend on nothing but the row', async (t) => {
  const graph = new GraphBuilder('sum');
  graph.output('sum', sum(graph, graph.input('terms', 'float64', ['N', 'K'])), 'float64', ['N', 1]);
  const session = await InferenceSession.create(graph.encode(), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  t.teardown(() => session.release());
  for (const categories of WIDTHS) {
    for (const rows of [1, 2, 3, 8, 33].filter((count) => count * categories < 200_000)) {
      const next = uniform(rows + categories);
      // Logarithms fill all bits of a float64, so every order of adding them rounds otherwise.
      const terms = Float64Array.from({ length: rows * categories }, () => 1 + Math.log(next()));
      const expected = Array.from({ length: rows }, (_, row) =>
        terms.subarray(row * categories, (row + 1) * categories).reduce((total, term) => total + term),
      );
      const output = await session.run({ terms: new Tensor('float64', terms, [rows, categories]) });
      t.same([...output.sum.data], expected, `${rows} rows of ${categories} categories`);
    }
  }
});
