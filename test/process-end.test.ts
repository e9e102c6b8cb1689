/**
 * The end of the process: it comes, once, with the code of whoever asked first, whatever happens meanwhile. Each test
 * that ends proves that the process did; a bound on its CPU time says that it did not spin.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openFilesMin, ranOutOfFiles, tooFewOpenFiles, workerFilesMax } from '../src/runtime/open-files.js';
import { run, start } from './support/server-process.js';

const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

/** Loads a script into the service's main thread before its own code. */
function preloaded(script: string) {
  const code = `import { writeSync } from 'node:fs'; import { isMainThread } from 'node:worker_threads';
    if (isMainThread) { ${script} }`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** Says on stderr how much CPU the process has used from its first SIGTERM to its end. */
const tellCpu = `
process.once('SIGTERM', () => {
  const before = process.cpuUsage();
  process.on('exit', () => {
    const { user, system } = process.cpuUsage(before);
    writeSync(2, \`used \${(user + system) / 1000} ms of CPU\\n\`);
  });
});`;

/**
 * The log is given a second to be written, in which an error a millisecond may keep one thread busy; the rest is the
 * stop itself.
 */
const endCpuMsMax = 2500;

function cpuMs(stderr: string): number {
  const used = /used (\S+) ms of CPU/.exec(stderr)?.[1];
  if (used === undefined) throw new Error(`It did not say what it used: ${stderr}`);
  return Number(used);
}

/** Runs a process that ends by `process-end.js`; resolves with its exit code. */
async function endOf(script: string): Promise<number | null> {
  const file = fileURLToPath(new URL('../src/process-end.js', import.meta.url));
  const begin = `import { ProcessEnd } from ${JSON.stringify(file)}; const end = new ProcessEnd(() => false);`;
  const keptAlive = 'process.on("uncaughtException", () => end.begin(70)); setInterval(() => {}, 1000);';
  const child = spawn(process.execPath, ['--input-type=module', '--eval', begin + keptAlive + script]);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

t.test('whoever asks first decides the code; the end comes once, however closing the log goes', async (t) => {
  const slow = 'end.log = { close: () => new Promise((resolve) => setTimeout(resolve, 100)) };';
  const meanwhile =
    'end.begin(143); setInterval(() => Promise.reject(new Error("r"))); setImmediate(() => { throw new Error("e"); });';
  for (const [what, script] of [
    ['no log yet', ''],
    ['errors, rejections and signals while the log is written', `${slow} setImmediate(() => { ${meanwhile} });`],
    ['closing rejects', 'end.log = { close: async () => { throw new Error("closed"); } };'],
    ['closing throws', 'end.log = { close: () => { throw new Error("closed"); } };'],
    ['a listener of the exit throws', 'process.on("exit", () => { throw new Error("exit"); });'],
  ] as const) {
    t.equal(await endOf(`${script} end.begin(42); end.begin(1);`), 42, what);
  }
});

t.test('after `stopped` nothing keeps the process', async (t) => {
  const { child, lines, exit } = await start(preloaded('setInterval(() => {}, 1000);'));
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(lines.at(-1)?.msg, 'stopped');
});

t.test('errors without end while it ends: one line, code 70, and no more CPU than the end may take', async (t) => {
  const fail = "process.once('SIGTERM', () => setInterval(() => Promise.reject(new Error('again')), 1));";
  const { child, lines, exit, stderr } = await start({ ...preloaded(tellCpu + fail), DRAIN_DELAY_MS: '60000' });
  child.kill('SIGTERM');
  t.same(await exit, [70, null]);
  t.equal(lines.filter(({ level }) => level === 60).length, 1);
  t.ok(cpuMs(stderr()) < endCpuMsMax, `${cpuMs(stderr())} ms of CPU`);
});

/** Fills what the pipe of stdout holds, and more: the service's lines wait in its own memory from then on. */
async function stallLog(url: string): Promise<void> {
  // 300 bytes a line; a pipe or socket pair holds at most a few hundred KB.
  const headers = { 'x-request-id': 'x'.repeat(128) };
  for (let round = 0; round < 20; round++) {
    const replies = await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/livez`, { headers })));
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
  }
}

/** Starts it with a log that nobody reads once it serves. */
async function startUnread(environment: Record<string, string>) {
  const { child, exit, stderr } = run({ LOG_LEVEL: 'debug', ...environment });
  const stdout = child.stdout;
  let text = '';
  let url: string | undefined;
  while (url === undefined) {
    const [chunk] = await once(stdout, 'data');
    text += chunk;
    url = /serving at (http:\/\/\S+)"?/.exec(text)?.[1];
  }
  stdout.pause();
  return { child, exit, stderr, stdout, url };
}

t.test(
  'a log that nobody reads holds up no end: neither a fatal line nor a second signal, at little CPU',
  async (t) => {
    const drain = { ...preloaded(tellCpu), DRAIN_DELAY_MS: '60000' };
    const { child, exit, stderr, url } = await startUnread(drain);
    await stallLog(url);
    child.kill('SIGTERM');
    while ((await fetch(`${url}/readyz`)).status !== 503);
    child.kill('SIGINT');
    t.same(await exit, [130, null]);
    t.ok(cpuMs(stderr()) < endCpuMsMax, `${cpuMs(stderr())} ms of CPU`);
  },
);

t.test('a log whose reader has gone holds up no stop', async (t) => {
  const { child, exit, stdout, url } = await startUnread({});
  stdout.destroy();
  t.equal((await fetch(`${url}/livez`)).status, 200);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('every signal that asks for an end drains: what is in flight is answered, and the code is 0', async (t) => {
  for (const signal of stopSignals) {
    const { child, url, lines, exit } = await start({ DEADLINE_MS: '60000' });
    const body = JSON.stringify({ logits: Array(1000).fill(0), num_samples: 50_000, return: ['indices'] });
    const headers = { 'content-type': 'application/json' };
    const draw = fetch(`${url}/sample`, { method: 'POST', headers, body });
    // The draw takes a quarter of a second, and this reply comes after it has begun.
    while ((await fetch(`${url}/livez`)).status !== 200);
    child.kill(signal);
    t.equal((await draw).status, 200, signal);
    t.same(await exit, [0, null], signal);
    t.match(
      lines.find(({ msg }) => String(msg).startsWith('stopping')),
      { signal },
    );
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const taken = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return taken;
}

t.test('SIGUSR1 opens no inspector', async (t) => {
  const port = await freePort();
  const inspected = { NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` };
  const plain = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("runs");'], {
    env: { ...process.env, ...inspected },
  });
  await once(plain.stdout, 'data');
  plain.kill('SIGUSR1');
  await once(plain.stderr, 'data');
  t.ok(await listens(port), 'where nobody listens for the signal, Node.js opens it');
  plain.kill('SIGKILL');
  await once(plain, 'exit');
  const { child, url, exit, stderr } = await start(inspected);
  for (let round = 0; round < 3; round++) {
    child.kill('SIGUSR1');
    t.equal((await fetch(`${url}/livez`)).status, 200);
    t.notOk(await listens(port));
  }
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '', 'nor does it say anything of one');
});

/** Starts it under a limit on open files, as `ulimit -n` sets it. */
async function startUnder(filesMax: number, environment: Record<string, string> = {}) {
  const entry = fileURLToPath(new URL('../src/server.js', import.meta.url));
  const child = spawn('sh', ['-c', `ulimit -n ${filesMax}; exec "$0" "$1"`, process.execPath, entry], {
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: '0',
      PROCESSES: '1',
      WORKERS: '1',
      ...environment,
    },
  });
  let text = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
    if (/serving at/.test(text) && !child.killed) child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr, served: /serving at/.test(text) };
}

t.test(
  'too low a limit on open files ends the start with one line that names it and the least that works',
  async (t) => {
    t.match(await startUnder(64), {
      code: 78,
      stderr:
        /^gumbel-sampler cannot start: the limit on open files \(ulimit -n\) is 64; with 1 worker it must be at least 128\n$/,
    });
    const manyWorkers = await startUnder(openFilesMin(8) - 1, { WORKERS: '8' });
    t.match(manyWorkers, { code: 78, stderr: / is 415; with 8 workers it must be at least 416\n$/ });
  },
);

t.test('the least that works, works', async (t) => {
  for (const workers of [1, 4]) {
    const started = await startUnder(openFilesMin(workers), { WORKERS: String(workers) });
    t.same(started, { code: 0, stderr: '', served: true }, `${workers} workers`);
  }
});

t.test('a worker opens no more files at once than the limit counts for it', async (t) => {
  // Whether workers open them in the same moment is chance, and likelier on many cores. So the modules are counted.
  const modules = new Set<string>();
  const packages = new Set<string>();
  const follow = (module: URL) => {
    if (modules.has(module.href)) return;
    modules.add(module.href);
    const imports = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'/gm;
    for (const [, path] of readFileSync(module, 'utf8').matchAll(imports) as Iterable<[string, string]>) {
      if (path.startsWith('.')) follow(new URL(path, module));
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  follow(new URL('../src/sampler/worker/entry.js', import.meta.url));
  t.ok(modules.size > 20, `${modules.size} modules`);
  t.ok(modules.size + 7 <= workerFilesMax, `${modules.size} modules`);
  t.same([...packages], [], 'ONNX Runtime is loaded later, by require, a file at a time');
});

t.test('where no limit is known, an error for want of open files is told by the same line', async (t) => {
  const failed = new Error("EMFILE: too many open files, open '/app/x.js'");
  t.equal(
    ranOutOfFiles(failed, 8),
    'the limit on open files (ulimit -n) is too low; with 8 workers it must be at least 416',
  );
  const other = new Error('Cannot read package config /app/package.json: Too many open files.');
  t.match(ranOutOfFiles(other, 1), /with 1 worker it must be at least 128$/);
  t.equal(ranOutOfFiles(new Error('EADDRINUSE'), 1), undefined);
  t.equal(tooFewOpenFiles(1, undefined), undefined);
  t.equal(tooFewOpenFiles(1, Number.POSITIVE_INFINITY), undefined);
});
