/**
 * Runs the graphs of `graphs.ts` and `backward-graphs.ts` on ONNX Runtime. The only importer of onnxruntime-node.
 *
 * Which rows share a run, how large a run is and where its result goes are left to its callers. A run blocks its thread, so
 * this belongs on a worker thread; and a thread must not be terminated while `openDrawGraphs` or a run is under way, since
 * onnxruntime-node then aborts the whole process.
 */

import type { InferenceSession as Session } from 'onnxruntime-node';
import { reinmaxGraph, vjpGraph } from './backward-graphs.js';
import { softGraph, unitTemperatureGraph } from './graphs.js';

// The native library reads this variable when it is loaded, and otherwise starts a telemetry uploader. A worker thread has its
// own copy of the environment unless it was started with `env: SHARE_ENV`, so the pool must do that, or its parent set this.
process.env.ORT_DISABLE_TELEMETRY = '1';
const { env, InferenceSession, Tensor } = await import('onnxruntime-node');
env.logLevel = 'error';

/** Execution providers that the graphs were tested on. */
export type Provider = 'cpu';

/**
 * One thread's graphs. That of the draw starts from the perturbed logits z = (l - max l) + g, float32 [rows, categories]; those of
 * the backward pass from logits and noise. Of these and of `cotangent` the first rows * categories elements are read, of
 * `temperature` the first `rows`; they may be views on a WebAssembly.Memory and are not copied, so they must not
 * change, and the memory not grow, before the promise settles. Every result is in a buffer of its own that now belongs to the
 * caller, who may keep or transfer it.
 */
export interface DrawGraphs {
  /** softmax((z - max z) / temperature) of each row. */
  soft(rows: number, categories: number, z: Float32Array, temperature: Float32Array): Promise<Float32Array>;

  /**
   * The gradients of <cotangent, soft samples>, one of each kind per draw. A gradient that leaves float32 is infinite, never NaN,
   * if the cotangent is finite; a category whose soft value is 0 gets 0 and contributes nothing.
   */
  vjp(
    rows: number,
    categories: number,
    logits: Float32Array,
    noise: Float32Array,
    temperature: Float32Array,
    cotangent: Float32Array,
  ): Promise<{ gradLogits: Float32Array; gradTemperature: Float32Array }>;

  /** ReinMax's estimate of the gradient of <cotangent, hard samples>; infinite as for `vjp`, and 0 for masked categories. */
  reinmax(
    rows: number,
    categories: number,
    logits: Float32Array,
    noise: Float32Array,
    temperature: Float32Array,
    cotangent: Float32Array,
  ): Promise<{ gradLogits: Float32Array }>;

  /** Frees the native memory. No run may be under way or follow. */
  close(): Promise<void>;
}

/** A worker is one thread, so a session gets no threads of its own. */
const SESSION_OPTIONS: Session.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3, // Errors; they go to stderr.
};

/** Opens all graphs at once: those of the backward pass take 5 ms together, so a first gradient need not wait for them. */
export async function openDrawGraphs(provider: Provider): Promise<DrawGraphs> {
  const open = (model: Uint8Array) =>
    InferenceSession.create(model, { ...SESSION_OPTIONS, executionProviders: [provider] });
  const unitTemperatureSession = await open(unitTemperatureGraph());
  const softSession = await open(softGraph());
  const vjpSession = await open(vjpGraph());
  const reinmaxSession = await open(reinmaxGraph());

  return {
    async soft(rows, categories, z, temperature) {
      const feeds: Feeds = { z: new Tensor('float32', first(z, rows * categories), [rows, categories]) };
      const temperatures = first(temperature, rows);
      const unitTemperature = temperatures.every((value) => value === 1);
      if (!unitTemperature) feeds.temperature = new Tensor('float32', temperatures, [rows, 1]);
      const { samples } = await (unitTemperature ? unitTemperatureSession : softSession).run(feeds, ['samples']);
      return samples.data as Float32Array;
    },

    async vjp(rows, categories, logits, noise, temperature, cotangent) {
      const feeds = backwardFeeds(rows, categories, logits, noise, temperature, cotangent);
      const { grad_logits, grad_temperature } = await vjpSession.run(feeds, ['grad_logits', 'grad_temperature']);
      return { gradLogits: grad_logits.data as Float32Array, gradTemperature: grad_temperature.data as Float32Array };
    },

    async reinmax(rows, categories, logits, noise, temperature, cotangent) {
      const feeds = backwardFeeds(rows, categories, logits, noise, temperature, cotangent);
      const { grad_logits } = await reinmaxSession.run(feeds, ['grad_logits']);
      return { gradLogits: grad_logits.data as Float32Array };
    },

    async close() {
      const sessions = [unitTemperatureSession, softSession, vjpSession, reinmaxSession];
      for (const session of sessions) await session.release();
    },
  };
}

type Feeds = Record<string, InstanceType<typeof Tensor>>;

function backwardFeeds(
  rows: number,
  categories: number,
  logits: Float32Array,
  noise: Float32Array,
  temperature: Float32Array,
  cotangent: Float32Array,
): Feeds {
  const tensor = (values: Float32Array, columns: number) =>
    new Tensor('float32', first(values, rows * columns), [rows, columns]);
  return {
    logits: tensor(logits, categories),
    noise: tensor(noise, categories),
    temperature: tensor(temperature, 1),
    cotangent: tensor(cotangent, categories),
  };
}

function first(array: Float32Array, length: number): Float32Array {
  if (array.length < length) throw new Error(`${length} elements are wanted of ${array.length}. This is a bug.`);
  return array.length === length ? array : array.subarray(0, length);
}
