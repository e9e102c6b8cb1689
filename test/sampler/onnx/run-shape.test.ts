import t from 'tap';
import { narrow, runShape, widen } from '../../../src/sampler/onnx/run-shape.js';

t.test(
  'WebGPU gets at least two rows, CUDA a multiple of four categories above 1024, the CPU what there is',
  async (t) => {
    t.same(runShape('webgpu', { rows: 1, categories: 7 }), { rows: 2, categories: 7 });
    t.same(runShape('webgpu', { rows: 2, categories: 1025 }), { rows: 2, categories: 1025 });
    t.same(runShape('cuda', { rows: 1, categories: 1024 }), { rows: 1, categories: 1024 });
    t.same(runShape('cuda', { rows: 3, categories: 1025 }), { rows: 3, categories: 1028 });
    t.same(runShape('cuda', { rows: 3, categories: 1028 }), { rows: 3, categories: 1028 });
    t.same(runShape('cpu', { rows: 1, categories: 1025 }), { rows: 1, categories: 1025 });
  },
);

t.test('the shape of a row never depends on the other rows, but for their number', async (t) => {
  for (const provider of ['cuda', 'webgpu', 'cpu'] as const) {
    for (const categories of [1, 10, 1024, 1025, 50_257]) {
      const widths = [1, 2, 3, 64].map((rows) => runShape(provider, { rows, categories }).categories);
      t.equal(new Set(widths).size, 1);
    }
  }
});

t.test('widening masks new categories and repeats the last row; narrowing takes both away again', async (t) => {
  const z = Float32Array.of(1, 2, 3, 4, 5, 6, 99);
  const from = { rows: 2, categories: 3 };
  const to = { rows: 3, categories: 4 };
  const masked = Number.NEGATIVE_INFINITY;
  const wide = widen(z, from, to);
  t.same([...wide], [1, 2, 3, masked, 4, 5, 6, masked, 4, 5, 6, masked]);
  t.same([...narrow(wide, to, from)], [1, 2, 3, 4, 5, 6]);
  t.same([...narrow(widen(z, { rows: 1, categories: 3 }, from), from, { rows: 1, categories: 3 })], [1, 2, 3]);
});
