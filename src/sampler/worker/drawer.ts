/**
 * Computes a batch by its kind: forward, backward, density or log-probability. A worker thread has one drawer, with one
 * noise kernel and one set of graphs.
 */
import { type Batch, type BatchResult, isForward, timingColumns } from '../job.js';
import { createNoiseKernel } from '../noise/load-kernel.js';
import type { RunExponential } from '../onnx/proof.js';
import { ownsGpu, type Provider } from '../onnx/provider.js';
import { type DrawGraphs, openDrawGraphs } from '../onnx/session.js';
import { Backward } from './backward.js';
import { Density } from './density.js';
import { Forward } from './forward.js';
import { GumbelRao } from './gumbel-rao.js';
import { LogProbOfIndices } from './log-prob-of-indices.js';
import { tileElementsMax } from './tiles.js';

export interface DrawerOptions {
  readonly provider: Provider;
  /** Largest K of a batch. A tile has room for at least one such row. */
  readonly categoriesMax: number;
  /** Most elements of a batch. A GPU computes them in one run, because each run costs a copy to the GPU and back. */
  readonly batchElementsMax: number;
}

export interface Drawer {
  /** Computes a batch, and writes the timings of its result. One batch at a time: all use the same buffers. */
  readonly draw: (batch: Batch) => Promise<BatchResult>;
}

export async function openDrawer({ provider, categoriesMax, batchElementsMax }: DrawerOptions): Promise<Drawer> {
  const tileElements = ownsGpu(provider) ? Math.max(tileElementsMax, batchElementsMax) : tileElementsMax;
  const kernel = createNoiseKernel(Math.max(tileElements, categoriesMax), tileElements);
  const spent = { graphMs: 0 };
  const graphs = timed(await openDrawGraphs(provider), spent);
  const forward = new Forward(kernel, graphs, tileElements);
  const backward = new Backward(kernel, graphs);
  const gumbelRao = new GumbelRao(kernel);
  const density = new Density();
  const logProbOfIndices = new LogProbOfIndices();
  const run = async (batch: Batch) => {
    if (isForward(batch.kind)) return forward.run(batch);
    if (batch.kind === 'vjp' || batch.kind === 'reinmax') return backward.run(batch);
    if (batch.kind === 'gumbelRao') return gumbelRao.run(batch);
    if (batch.kind === 'densityOfSamples' || batch.kind === 'densityOfLogSamples') return density.run(batch);
    return logProbOfIndices.run(batch);
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

/** Graphs that add the time of each run to `spent`. */
function timed({ exponential, exponentialOnCpu, close }: DrawGraphs, spent: { graphMs: number }): DrawGraphs {
  const measure = (run: RunExponential) => async (values: Float32Array) => {
    const start = performance.now();
    await run(values);
    spent.graphMs += performance.now() - start;
  };
  return { exponential: measure(exponential), exponentialOnCpu: measure(exponentialOnCpu), close };
}
