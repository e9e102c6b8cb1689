/**
 * Runs the graph of `graphs.ts` on ONNX Runtime. The only importer of onnxruntime-node.
 *
 * Soft samples take their exponentials from the provider that is asked for, gradients always from the CPU, so that a
 * gradient has the same bits whatever the provider. No node of a GPU's session may be placed on the CPU.
 *
 * What shares a run and how large a run is are left to its callers. A run blocks its thread, so this belongs on a
 * worker thread; and a thread must not be terminated while `openDrawGraphs` or a run is under way, since
 * onnxruntime-node then aborts the whole process.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { InferenceSession as Session } from 'onnxruntime-node';
import { exponentialGraph } from './graphs.js';
import { disproof, type RunExponential } from './proof.js';
import { ownsGpu, type Provider, providerError, reasonOf } from './provider.js';

// The native library reads this variable when it is loaded, and otherwise starts a telemetry uploader. A worker thread
// has its own copy of the environment unless it was started with `env: SHARE_ENV`, so the pool must do that, or its
// parent set this.
process.env.ORT_DISABLE_TELEMETRY = '1';
const { env, InferenceSession, Tensor } = await import('onnxruntime-node');
env.logLevel = 'error';

/** One thread's graphs. */
export interface DrawGraphs {
  /** The exponential of each value on the provider, see RunExponential. */
  readonly exponential: RunExponential;

  /** The same on the CPU, whatever the provider: the same function where the provider is the CPU. */
  readonly exponentialOnCpu: RunExponential;

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

/** @throws {ProviderError} when the provider cannot be used here, or does not compute what the CPU does */
export async function openDrawGraphs(provider: Provider): Promise<DrawGraphs> {
  const cpu = await open('cpu');
  if (!ownsGpu(provider)) return { exponential: cpu.run, exponentialOnCpu: cpu.run, close: cpu.close };
  try {
    const gpu = await openOnGpu(provider, cpu.run);
    return {
      exponential: gpu.run,
      exponentialOnCpu: cpu.run,
      close: async () => {
        await gpu.close();
        await cpu.close();
      },
    };
  } catch (error) {
    await cpu.close();
    throw error;
  }
}

/** The graph, opened. */
interface Opened {
  readonly run: RunExponential;
  readonly close: () => Promise<void>;
}

/** ONNX Runtime then refuses a model of which it would place a node on the CPU. */
const NO_NODE_ON_THE_CPU = { session: { disable_cpu_ep_fallback: '1' } };

async function open(provider: Provider): Promise<Opened> {
  const extra = ownsGpu(provider) ? { extra: NO_NODE_ON_THE_CPU } : {};
  const session = await InferenceSession.create(exponentialGraph(), {
    ...SESSION_OPTIONS,
    executionProviders: [provider],
    ...extra,
  });
  return {
    async run(values) {
      // Input and output are the same memory: each value is read before its own exponential is written. A GPU gets a
      // copy and gives one back. onnxruntime-node 1.30 copies every output once more, into an ArrayBuffer that nobody
      // reads here: OrtValueToNapiValue in js/node/src/tensor_helper.cc of microsoft/onnxruntime, whose main branch has
      // stopped doing so. Where the C library keeps what is freed (memory-settings.ts) that takes 0.1 ns an element,
      // else 2 to 3, since its pages are mapped and zeroed anew each time.
      const tensor = new Tensor('float32', values, [values.length]);
      await session.run({ x: tensor }, { exponential: tensor });
    },
    close: () => session.release(),
  };
}

/** Opens the graph on a GPU and proves it against the CPU. */
async function openOnGpu(provider: Provider, onCpu: RunExponential): Promise<Opened> {
  if (provider === 'cuda' && !existsSync(cudaLibrary())) throw providerError(provider, 'its files are not installed');
  const gpu = await open(provider).catch((error) => {
    throw providerError(provider, reasonOf(error));
  });
  const wrong = await disproof(gpu.run, onCpu).catch(reasonOf);
  if (wrong === undefined) return gpu;
  await gpu.close();
  throw providerError(provider, wrong);
}

/** Where onnxruntime-node looks for the CUDA provider, which its package does not carry. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(entry, '../../bin/napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
}
