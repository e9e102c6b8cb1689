/** Starts a process that fuzzes one target. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TargetName } from './targets.js';

const shard = fileURLToPath(new URL('./shard.js', import.meta.url));

export interface ShardReport {
  readonly code: number | null;
  readonly failures: readonly { readonly execution: number; readonly message: string }[];
}

export function runShard(
  target: TargetName,
  args: readonly string[],
  output: 'shown' | 'silent' = 'shown',
): Promise<ShardReport> {
  return new Promise((resolve) => {
    // With counters in it a file has other offsets than what coverage measures.
    const env = { ...process.env, NODE_V8_COVERAGE: '' };
    const child = fork(shard, [`--target=${target}`, ...args], { env, execArgv: [], silent: output === 'silent' });
    let failures: ShardReport['failures'] = [];
    child.on('message', (message) => {
      failures = message as ShardReport['failures'];
    });
    child.on('exit', (code) => resolve({ code, failures }));
  });
}
