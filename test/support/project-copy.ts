/**
 * A copy of the project that the service can be built in, and npm's scripts run as a terminal or a process manager runs
 * them.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Only what the service is built from: the compiler does not mind folders of tsconfig.json that are not there. */
const copied = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'tsconfig.json',
  'src',
  'explore',
  'clients/typescript',
  'scripts/build.mjs',
  'scripts/build-clients.mjs',
  'scripts/start.mjs',
  'scripts/dev.mjs',
];

export interface ProjectCopy {
  readonly folder: string;
  /** Runs a command of npm in a process group of its own, as a terminal would. */
  readonly npm: (...command: string[]) => ChildProcessWithoutNullStreams;
  readonly remove: () => void;
}

export function copyProject(): ProjectCopy {
  const folder = mkdtempSync(join(tmpdir(), 'project-copy-'));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    npm: (...command) => {
      const env = { ...process.env, NO_COLOR: '1', HOST: '127.0.0.1', PORT: '0', WORKERS: '1' };
      return spawn('npm', command, { cwd: folder, env, detached: true });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
