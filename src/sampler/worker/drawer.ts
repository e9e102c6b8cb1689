/** Does a batch on this thread, by its kind, with the thread's one noise kernel and set of graphs. */

import { type Batch, type BatchResult, timingColumns } from '../job.js';
import { createNoiseKernel } from '../noise/noise.js';
import type { RunExponential } from '../onnx/proof.js';
import { ownsGpu, type Provider } from '../onnx/provider.js';
import { type DrawGraphs, openDrawGraphs } from '../onnx/session.js';
import { Backward } from './backward.js';
import { Density } from './density.js';
import { Forward } from './forward.js';
import { tileElementsMax } from './tiles.js';

export interface DrawerOptions {
  readonly provider: Provider;
  /** Largest K of a batch; a tile holds at least one such row. */
  readonly categoriesMax: number;
  /** A GPU takes a batch of this size in one run, since each run costs it a copy there and back. */
  readonly batchElementsMax: number;
}

export interface Drawer {
  /** One batch at a time: its tiles share buffers. The result says where the time went. */
  readonly draw: (batch: Batch) => Promise<BatchResult>;
}

export async function openDrawer({ provider, categoriesMax, batchElementsMax }: DrawerOptions): Promise<Drawer> {
  const tileElements = ownsGpu(provider) ? Math.max(tileElementsMax, batchElementsMax) : tileElementsMax;
  const kernel = createNoiseKernel(Math.max(tileElements, categoriesMax), tileElements);
  const spent = { graphMs: 0 };
  const graphs = timed(await openDrawGraphs(provider), spent);
  const forward = new Forward(kernel, graphs, tileElements);
  const backward = new Backward(kernel, graphs);
  const density = new Density();
  const run = async (batch: Batch) => {
    if (batch.kind === 'draw') return forward.run(batch);
    if (batch.kind === 'vjp' || batch.kind === 'reinmax') return backward.run(batch);
    return density.run(batch);
  };
  return {
    draw: async (batch) => {
      const start = performance.now();
      spent.graphMs = 0;
      const result = await run(batch);
      result.timings[timingColumns.totalMs] = performance.now() - start;
      result.timings[timingColumns.graphMs] = spent.graphMs;
      return result;
    },
  };
}

/** The graphs, each run of which adds its time to `spent`. */
function timed({ exponential, exponentialOnCpu, close }: DrawGraphs, spent: { graphMs: number }): DrawGraphs {
  const measure = (run: RunExponential) => async (values: Float32Array) => {
    const start = performance.now();
    await run(values);
    spent.graphMs += performance.now() - start;
  };
  return { exponential: measure(exponential), exponentialOnCpu: measure(exponentialOnCpu), close };
}
