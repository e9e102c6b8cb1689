/**
 * Runs the exponential graph on ONNX Runtime. The only importer of onnxruntime-node.
 *
 * The exponentials of soft samples come from the chosen provider. Those of gradients always come from the CPU, so that
 * gradients have the same bits on every provider. A session of a GPU places no node on the CPU.
 *
 * A run blocks its thread, so it belongs on a worker thread. The thread must not be terminated during `openDrawGraphs`
 * or a run, because onnxruntime-node would abort the process; queue/pool.ts has the links.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { InferenceSession as Session } from 'onnxruntime-node';
import { exponentialGraph } from './graphs.js';
import { disproof, type RunExponential } from './proof.js';
import { ownsGpu, type Provider, providerError, reasonOf } from './provider.js';

// Workaround: without this variable the native library sends telemetry on Linux and macOS. It reads the environment of
// the process once, when it is loaded: https://github.com/microsoft/onnxruntime/pull/27379
// So the pool starts workers with `env: SHARE_ENV`; else a worker would set its own copy.
// Can go when the npm package is built without telemetry.
process.env.ORT_DISABLE_TELEMETRY = '1';
const { env, InferenceSession, Tensor } = await import('onnxruntime-node');
env.logLevel = 'error';

/** One thread's graphs. */
export interface DrawGraphs {
  /** Exponentials on the chosen provider. */
  readonly exponential: RunExponential;

  /** Exponentials on the CPU. The same function as `exponential` if the provider is the CPU. */
  readonly exponentialOnCpu: RunExponential;

  /** Frees the native memory. No run may be under way or follow. */
  close(): Promise<void>;
}

/** A session has no thread pool: it computes on the thread of its worker. */
const SESSION_OPTIONS: Session.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3, // errors, to stderr
};

/** @throws {ProviderError} when the provider cannot be used here, or fails its proof against the CPU */
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

/** A session of the exponential graph. */
interface Opened {
  readonly run: RunExponential;
  readonly close: () => Promise<void>;
}

/** Makes ONNX Runtime reject a model of which it would place a node on the CPU. */
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
      // Input and output are the same memory: the CPU reads each value before it writes the exponential of it. A GPU
      // gets a copy, and its result is copied back. onnxruntime-node 1.30 also copies every output into a new
      // ArrayBuffer, which is not used here (OrtValueToNapiValue in js/node/src/tensor_helper.cc). The copy is cheap
      // only because memory-settings.ts makes glibc keep freed blocks. Gone with a release of onnxruntime-node that has
      // https://github.com/microsoft/onnxruntime/pull/32346
      const tensor = new Tensor('float32', values, [values.length]);
      await session.run({ x: tensor }, { exponential: tensor });
    },
    close: () => session.release(),
  };
}

/** Opens the graph on a GPU, and checks it against the CPU (proof.ts). */
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

/** The path at which onnxruntime-node expects the CUDA provider. Its package does not have the file. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(entry, '../../bin/napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
}
