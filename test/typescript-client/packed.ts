/** The TypeScript client as people get it: packed by npm, and installed from that file into an empty project. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const client = fileURLToPath(new URL('../../../clients/typescript', import.meta.url));

export interface Project {
  readonly folder: string;
  /** Paths in the package. */
  readonly files: readonly string[];
  /** Runs a program in it; gives what it printed. */
  readonly run: (command: string, ...args: string[]) => Promise<string>;
  readonly remove: () => void;
}

/** Installs without a registry: the package needs no other. */
export async function installPacked(): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), 'client-'));
  const run = async (command: string, ...args: string[]) => {
    const { stdout } = await execute(command, args, { cwd: folder }).catch((error) => {
      throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`);
    });
    return stdout;
  };
  const [{ filename, files }] = JSON.parse(await run('npm', 'pack', client, '--json')) as [
    { filename: string; files: { path: string }[] },
  ];
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  await run('npm', 'install', `./${filename}`, '--offline', '--no-audit', '--no-fund', '--ignore-scripts');
  return { folder, files: files.map(({ path }) => path), run, remove: () => rmSync(folder, { recursive: true }) };
}

export function manifestOf(folder: string): { version: string; dependencies?: object } {
  return JSON.parse(readFileSync(join(folder, 'node_modules/@gumbel-sampler/client/package.json'), 'utf8'));
}
