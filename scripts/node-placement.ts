/**
 * Where ONNX Runtime places the nodes of the workers' graph when it may choose between a provider and the CPU, taken
 * from its profile of a run. The service itself refuses a provider for a graph of which a node would fall to the CPU.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { exponentialGraph } from '../src/sampler/onnx/graphs.js';

/** The operators of the graph that ran on the provider, and those that fell to the CPU; each once, in order. */
export interface Placement {
  readonly provider: readonly string[];
  readonly cpu: readonly string[];
}

interface ProfileEvent {
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

export async function placementOf(provider: string): Promise<Placement> {
  const folder = mkdtempSync(join(tmpdir(), 'node-placement-'));
  try {
    const session = await InferenceSession.create(exponentialGraph(), {
      executionProviders: [provider],
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
      logSeverityLevel: 3,
    });
    await session.run({ x: new Tensor('float32', new Float32Array(8), [8]) });
    session.endProfiling();
    await session.release();
    const events = readdirSync(folder).flatMap((file): ProfileEvent[] => {
      return JSON.parse(readFileSync(join(folder, file), 'utf8'));
    });
    const nodes = events.flatMap(({ args }) => (args?.provider && args.op_name ? [args] : []));
    const on = (cpu: boolean) => [
      ...new Set(
        nodes.filter((node) => (node.provider === 'CPUExecutionProvider') === cpu).map((node) => node.op_name ?? ''),
      ),
    ];
    return { provider: on(false), cpu: on(true) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
