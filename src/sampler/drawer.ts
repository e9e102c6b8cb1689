/** Does a batch on this thread, by its kind, with the thread's one noise kernel and set of graphs. */
import { Backward } from './backward.js';
import { density } from './density.js';
import { Forward } from './forward.js';
import type { Batch, BatchResult } from './job.js';
import { createNoiseKernel } from './noise/noise.js';
import { openDrawGraphs } from './onnx/session.js';
import { tileElementsMax } from './tiles.js';

export interface DrawerOptions {
  readonly provider: 'cpu';
  /** Largest K of a batch; a tile holds at least one such row. */
  readonly categoriesMax: number;
}

export interface Drawer {
  /** One batch at a time: its tiles share buffers. */
  readonly draw: (batch: Batch) => Promise<BatchResult>;
}

export async function openDrawer({ provider, categoriesMax }: DrawerOptions): Promise<Drawer> {
  const kernel = createNoiseKernel(Math.max(tileElementsMax, categoriesMax), tileElementsMax);
  const graphs = await openDrawGraphs(provider);
  const forward = new Forward(kernel, graphs);
  const backward = new Backward(kernel, graphs);
  return {
    draw: async (batch) => {
      if (batch.kind === 'draw') return forward.run(batch);
      if (batch.kind === 'vjp' || batch.kind === 'reinmax') return backward.run(batch);
      return density(batch);
    },
  };
}
