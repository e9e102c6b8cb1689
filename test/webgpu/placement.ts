/** Which nodes fall to the CPU when WebGPU is asked for. Run by `npm run test:webgpu`. */
import t from 'tap';
import { placementOf } from '../../scripts/node-placement.js';

t.test('no node of the hot path falls to the CPU', async (t) => {
  t.same(await placementOf('soft', 'webgpu'), {
    provider: ['Reciprocal', 'ReduceMax', 'Sub', 'Mul', 'Softmax', 'ThresholdedRelu'],
    cpu: [],
  });
});

t.test(
  'the backward graphs are float64, which WebGPU has not: these nodes would fall, so the service runs the graphs on the CPU',
  async (t) => {
    const { cpu } = await placementOf('vjp', 'webgpu');
    t.same(cpu.toSorted(), []);
    const reinmax = await placementOf('reinmax', 'webgpu');
    t.same(reinmax.cpu.toSorted(), []);
  },
);
