/** Which nodes fall to the CPU when WebGPU is asked for. Run by `npm run test:webgpu`. */
import t from 'tap';
import { placementOf } from '../../scripts/node-placement.js';

t.test("no node of the workers' graph falls to the CPU", async (t) => {
  t.same(await placementOf('webgpu'), { provider: ['Exp'], cpu: [] });
});
