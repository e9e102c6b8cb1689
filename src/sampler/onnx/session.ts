/**
 * Runs the graphs of `graphs.ts` and `backward-graphs.ts` on ONNX Runtime. The only importer of onnxruntime-node.
 *
 * The soft graph runs on the provider that is asked for and the backward graphs always on the CPU: they are float64, which WebGPU
 * has not, and so a gradient has the same bits whatever the provider. No node of a GPU's session may be placed on the CPU.
 *
 * Which rows share a run, how large a run is and where its result goes are left to its callers. A run blocks its thread, so
 * this belongs on a worker thread; and a thread must not be terminated while `openDrawGraphs` or a run is under way, since
 * onnxruntime-node then aborts the whole process.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { InferenceSession as Session } from 'onnxruntime-node';
import { reinmaxGraph, vjpGraph } from './backward-graphs.js';
import { softGraph, unitTemperatureGraph } from './graphs.js';
import { disproof, type RunSoft } from './proof.js';
import { ownsGpu, type Provider, providerError, reasonOf } from './provider.js';
import { narrow, runShape, widen } from './run-shape.js';

// The native library reads this variable when it is loaded, and otherwise starts a telemetry uploader. A worker thread has its
// own copy of the environment unless it was started with `env: SHARE_ENV`, so the pool must do that, or its parent set this.
process.env.ORT_DISABLE_TELEMETRY = '1';
const { env, InferenceSession, Tensor } = await import('onnxruntime-node');
env.logLevel = 'error';

/**
 * One thread's graphs. That of the draw starts from the perturbed logits z = (l - max l) + g, float32 [rows, categories]; those of
 * the backward pass from logits and noise. Of these and of `cotangent` the first rows * categories elements are read, of
 * `temperature` the first `rows`; they may be views on a WebAssembly.Memory and are not copied, so they must not
 * change, and the memory not grow, before the promise settles. Every result is in a buffer of its own that now belongs to the
 * caller, who may keep or transfer it, but for soft samples that the caller gave a place for.
 */
export interface DrawGraphs {
  /** softmax((z - max z) / temperature) of each row. */
  readonly soft: RunSoft;

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

/**
 * Opens all graphs at once: those of the backward pass take 5 ms together, so a first gradient need not wait for them.
 *
 * @throws {ProviderError} when the provider cannot be used here, or does not compute what the CPU does
 */
export async function openDrawGraphs(provider: Provider): Promise<DrawGraphs> {
  const soft = ownsGpu(provider) ? await openOnGpu(provider) : await openOnCpu();
  const vjpSession = await openSession(vjpGraph());
  const reinmaxSession = await openSession(reinmaxGraph());

  return {
    soft: soft.run,

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
      await soft.close();
      for (const session of [vjpSession, reinmaxSession]) await session.release();
    },
  };
}

type Feeds = Record<string, InstanceType<typeof Tensor>>;

/** The soft graph, opened. */
interface Soft {
  readonly run: RunSoft;
  readonly close: () => Promise<void>;
}

function openSession(model: Uint8Array, options: Session.SessionOptions = { executionProviders: ['cpu'] }) {
  return InferenceSession.create(model, { ...SESSION_OPTIONS, ...options });
}

async function openOnCpu(): Promise<Soft> {
  const unitTemperatureSession = await openSession(unitTemperatureGraph());
  const softSession = await openSession(softGraph());
  return {
    async run(rows, categories, z, temperature, scratch) {
      const feeds: Feeds = { z: new Tensor('float32', first(z, rows * categories), [rows, categories]) };
      const temperatures = first(temperature, rows);
      const unitTemperature = temperatures.every((value) => value === 1);
      if (!unitTemperature) feeds.temperature = new Tensor('float32', temperatures, [rows, 1]);
      const session = unitTemperature ? unitTemperatureSession : softSession;
      if (scratch === undefined) return (await session.run(feeds, ['samples'])).samples.data as Float32Array;
      // Otherwise ONNX Runtime writes to memory of its own, from which its binding copies to a new buffer; that it makes anyway.
      const samples = first(scratch, rows * categories);
      await session.run(feeds, { samples: new Tensor('float32', samples, [rows, categories]) });
      return samples;
    },
    async close() {
      for (const session of [unitTemperatureSession, softSession]) await session.release();
    },
  };
}

/** ONNX Runtime then refuses a model of which it would place a node on the CPU. */
const NO_NODE_ON_THE_CPU = { session: { disable_cpu_ep_fallback: '1' } };

/** Opens the soft graph on a GPU and proves it against the CPU. */
async function openOnGpu(provider: Provider): Promise<Soft> {
  if (provider === 'cuda' && !existsSync(cudaLibrary())) throw providerError(provider, 'its files are not installed');
  const gpu = await openSoftOnGpu(provider).catch((error) => {
    throw providerError(provider, reasonOf(error));
  });
  const cpu = await openOnCpu();
  const wrong = await disproof(gpu.run, cpu.run).catch(reasonOf);
  await cpu.close();
  if (wrong === undefined) return gpu;
  await gpu.close();
  throw providerError(provider, wrong);
}

/**
 * On a GPU one graph serves every temperature: nothing proves that two graphs have the same bits there, and the passes over the
 * elements that a second one would spare cost little beside the copies.
 */
async function openSoftOnGpu(provider: Provider): Promise<Soft> {
  const session = await openSession(softGraph(), { executionProviders: [provider], extra: NO_NODE_ON_THE_CPU });
  return {
    async run(rows, categories, z, temperature) {
      const asked = { rows, categories };
      const shape = runShape(provider, asked);
      const same = shape.rows === rows && shape.categories === categories;
      const values = same ? first(z, rows * categories) : widen(z, asked, shape);
      const temperatures = same
        ? first(temperature, rows)
        : widen(temperature, { rows, categories: 1 }, { rows: shape.rows, categories: 1 });
      const feeds = {
        z: new Tensor('float32', values, [shape.rows, shape.categories]),
        temperature: new Tensor('float32', temperatures, [shape.rows, 1]),
      };
      const samples = (await session.run(feeds, ['samples'])).samples.data as Float32Array;
      return same ? samples : narrow(samples, shape, asked);
    },
    close: () => session.release(),
  };
}

/** Where onnxruntime-node looks for the CUDA provider, which its package does not carry. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(entry, '../../bin/napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
}

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
