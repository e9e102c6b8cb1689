/**
 * npm run test:clients: the official clients of the Open Inference Protocol, and the example that uses one, against the
 * real service. Prints a table of what was shown. With --record it writes the bytes that the clients send to
 * test/fixtures/clients.json instead. Exit codes: 0 when all is right, 1 when anything is not, 75 (EX_TEMPFAIL of
 * sysexits.h) when there was nothing to run it with.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { start } from '../support/server-process.js';
import { installClients, NotRun } from './install.js';
import { openProxy } from './recording-proxy.js';
import { type Shown, tableOf } from './table.js';

const execute = promisify(execFile);

function pathOf(relative: string): string {
  return fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
}

const requirements = ['test/clients/requirements.txt', 'examples/python/requirements-triton.txt'] as const;
const example = 'examples/python/triton_client.py';

/** Port of the proxy. The Host header names it, so with a fixed one the same clients always send the same bytes. */
const proxyPort = 8000;

/** Longest time for a script to show everything; it takes a few seconds. */
const scriptMsMax = 300_000;

/** Runs a script with the clients' Python, and gives back what it prints. */
async function run(python: string, script: string, options: readonly string[]): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: '127.0.0.1' };
  const settings = { env, timeout: scriptMsMax, maxBuffer: 2 ** 24 };
  return (await execute(python, [pathOf(script), ...options], settings)).stdout;
}

/** A thing shown, and through a proxy what the reply to its bytes must equal. */
interface Line extends Shown {
  readonly version?: string;
  readonly equals?: unknown;
}

interface Session {
  readonly python: string;
  readonly clients: Readonly<Record<string, string>>;
  readonly lines: readonly Line[];
}

async function showClients(python: string, options: readonly string[]): Promise<Session> {
  const printed = (await run(python, 'test/clients/show.py', options)).trim().split('\n');
  const [first, ...lines] = printed.map((line) => JSON.parse(line));
  const { shown } = lines.pop();
  if (shown !== lines.length || shown === 0)
    throw new Error(`show.py says ${shown}, but printed ${lines.length} lines.`);
  return { ...first, lines };
}

/** Whether the example prints what its README has below its command. */
async function showExample(python: string, url: string): Promise<Line> {
  const readme = readFileSync(pathOf('examples/python/README.md'), 'utf8');
  const promised = /triton_client\.py\n```\n\n```\n(.*?)\n```/s.exec(readme)?.[1];
  const printed = (await run(python, example, ['--url', url])).trim();
  const wrong = printed === promised ? null : `prints\n${printed}\nwhere its README has\n${promised}`;
  return { what: example, client: 'tritonclient.http', how: 'as its README', wrong };
}

function writeFixture({ python, lines }: Session, sent: readonly Buffer[]): void {
  if (sent.length !== lines.length) {
    throw new Error(`${lines.length} exchanges took ${sent.length} connections, so they cannot be told apart.`);
  }
  const exchanges = lines.map(({ client, version, what, equals }, at) =>
    JSON.stringify({ client, version, what, equals, request: sent[at]?.toString('base64') }),
  );
  const text = `{"python":"${python}","exchanges":[\n${exchanges.join(',\n')}\n]}\n`;
  writeFileSync(pathOf('test/fixtures/clients.json'), text);
  console.log(`Wrote ${lines.length} exchanges, ${text.length} bytes, to test/fixtures/clients.json.`);
}

async function record(python: string, url: string): Promise<Session> {
  const proxy = await openProxy(proxyPort, url);
  try {
    const session = await showClients(python, [url, '--through', proxy.url]);
    if (session.lines.every(({ wrong }) => wrong === null)) writeFixture(session, proxy.sent());
    return session;
  } finally {
    await proxy.close();
  }
}

/** Whether all was right. */
async function test(recording: boolean): Promise<boolean> {
  const python = await installClients(process.env.CLIENTS_PYTHON ?? 'python3', pathOf('.clients'), [
    pathOf(requirements[0]),
    pathOf(requirements[1]),
  ]);
  const { child, url, lines: log, exit } = await start();
  try {
    const session = recording ? await record(python, url) : await showClients(python, [url]);
    const shown = recording ? session.lines : [...session.lines, await showExample(python, url)];
    console.log(tableOf(shown, session.clients));
    const errors = log.filter(({ level }) => Number(level) >= 50);
    for (const line of errors) console.log(`The service logged: ${JSON.stringify(line)}`);
    const right = shown.filter(({ wrong }) => wrong === null).length;
    console.log(`\n${right} of ${shown.length} right. A dash: that client has no call for it.`);
    return errors.length === 0 && right === shown.length;
  } finally {
    child.kill('SIGTERM');
    await exit;
  }
}

const { values } = parseArgs({ options: { record: { type: 'boolean', default: false } } });
try {
  process.exitCode = (await test(values.record)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof NotRun)) throw error;
  console.log(`NOT RUN: ${error.message}`);
  process.exitCode = 75;
}
