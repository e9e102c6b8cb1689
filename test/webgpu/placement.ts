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
  'the backward graphs are float64, which WebGPU has not, so the service runs them on the CPU: these would fall',
  async (t) => {
    const float64 = ['Cast', 'CumSum', 'Div', 'Gather', 'Mul', 'Sub'];
    t.same((await placementOf('vjp', 'webgpu')).cpu.toSorted(), float64);
    t.same((await placementOf('reinmax', 'webgpu')).cpu.toSorted(), [...float64, 'Add', 'Hardmax'].toSorted());
  },
);
