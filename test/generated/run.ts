/**
 * npm run test:generated [-- CLIENT ...]: generators make clients from openapi.yaml; each is compiled, and calls the
 * started service. Without names those of the gate run, typescript and go; python, java and schemathesis are for
 * `.ci/nightly`. What is generated stays in .generated. Exit codes: 0 when all is right, 1 when anything is not.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { start } from '../support/server-process.js';

type Command = readonly [string, ...string[]];

/** Longest time for one command; the longest downloads a generator and its libraries. */
const commandMsMax = 600_000;

/** Fixed, so that a finding is found again. */
const schemathesisSeed = '1';

const oapiCodegen = 'github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.0';
const pip = ['venv/bin/python', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'] as const;
const environmentOf: readonly Command[] = [
  ['python3', '-m', 'venv', 'venv'],
  [...pip, '--requirement', 'requirements.txt'],
];

const maven = ['mvn', '--batch-mode', '--no-transfer-progress', '--quiet'] as const;

/** The commands of each, in a copy of its folder that has openapi.yaml. Versions are pinned there, and above. */
const clients: Readonly<Record<string, (url: string) => readonly Command[]>> = {
  typescript: (url) => [
    ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    ['node_modules/.bin/openapi-typescript', 'openapi.yaml', '--output', 'schema.d.ts'],
    ['node_modules/.bin/tsc'],
    ['node', 'built/call.js', url],
  ],
  go: (url) => [
    ['go', 'run', oapiCodegen, '--config', 'oapi-codegen.yaml', 'openapi.yaml'],
    ['go', 'build', '-o', 'call', '.'],
    ['./call', url],
  ],
  python: (url) => [
    ...environmentOf,
    [
      'venv/bin/openapi-python-client',
      'generate',
      '--path',
      'openapi.yaml',
      '--output-path',
      'client',
      '--fail-on-warning',
    ],
    [...pip, './client'],
    ['venv/bin/python', 'call.py', url],
  ],
  java: (url) =>
    ['native/pom.xml', 'okhttp-gson/pom.xml'].flatMap((pom): Command[] => [
      [...maven, '--file', pom, 'compile'],
      [...maven, '--file', pom, 'exec:java', `-Dexec.args=${url}`],
    ]),
  schemathesis: (url) => [
    ...environmentOf,
    ['venv/bin/schemathesis', 'run', 'openapi.yaml', '--url', url, '--seed', schemathesisSeed, '--no-color'],
  ],
};

const gate = ['typescript', 'go'];

function pathOf(relative: string): string {
  return fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
}

/** A folder with the client's own files and the document, and nothing that was generated before. */
function folderFor(client: string): string {
  const folder = pathOf(join('.generated', client));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(pathOf(join('test/generated', client)), folder, { recursive: true });
  cpSync(pathOf('openapi.yaml'), join(folder, 'openapi.yaml'));
  return folder;
}

/** Whether every command ends with 0; what the first other one printed is printed. */
function works(client: string, url: string): boolean {
  const cwd = folderFor(client);
  for (const [command, ...args] of clients[client](url)) {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd,
      encoding: 'utf8',
      timeout: commandMsMax,
      maxBuffer: 2 ** 26,
      env: { ...process.env, PATH: `${join(cwd, 'venv/bin')}:${process.env.PATH}`, NO_PROXY: '127.0.0.1' },
    });
    if (status === 0) continue;
    console.log(`${client}: ${[command, ...args].join(' ')}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    return false;
  }
  return true;
}

const { positionals } = parseArgs({ allowPositionals: true });
const chosen = positionals.length > 0 ? positionals : gate;
const unknown = chosen.filter((client) => !Object.hasOwn(clients, client));
if (unknown.length > 0)
  throw new Error(`There is no ${unknown.join(', ')}; there are ${Object.keys(clients).join(', ')}.`);

const { child, url, lines, exit } = await start();
try {
  for (const client of chosen) {
    const startMs = performance.now();
    const right = works(client, url);
    if (!right) process.exitCode = 1;
    console.log(`${client}: ${right ? 'right' : 'WRONG'}, ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  }
  for (const line of lines.filter(({ level }) => Number(level) >= 50)) {
    console.log(`The service logged: ${JSON.stringify(line)}`);
    process.exitCode = 1;
  }
} finally {
  child.kill('SIGTERM');
  await exit;
}
