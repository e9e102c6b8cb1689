/**
 * `npm run build`: runs the steps of the build whose sources, tools or results are not those of the last build.
 * JavaScript, because it runs before there is a compiler, and Node.js 20 does not run TypeScript.
 *
 * Everything is compared by content, since a checkout changes times of files that are the same. Another Node.js counts
 * as another tool. A result whose source has gone is removed, so that no deleted test runs on.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (path) => join(root, path);
/** tsconfig.json has comments, each on lines of its own. */
const readJson = (path) => JSON.parse(readFileSync(inRoot(path), 'utf8').replace(/^\s*\/\/.*$/gm, ''));

/** What the last build of each step left: digests of its sources and results, and versions of its tools. */
const stampsPath = 'dist/build.json';

/** All files of a folder, sorted, as paths from the root with slashes; none where the folder does not exist. */
function filesIn(folder) {
  if (!existsSync(inRoot(folder))) return [];
  return readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort();
}

const isAssembly = (path) => path.includes('/assembly/');
const { include: compiledFolders, exclude = [] } = readJson('tsconfig.json');
const isExcluded = (path) => exclude.some((folder) => path.startsWith(`${folder}/`));
const isCompiled = (path) => path.endsWith('.ts') && !isAssembly(path) && !isExcluded(path);

/** The kernel that a configuration of AssemblyScript's compiler asks for; its path is relative to the configuration. */
function kernelOf(configuration) {
  return posix.join(posix.dirname(configuration), readJson(configuration).options.outFile);
}

/** The TypeScript client, and what it has of the service: the noise kernel and the catalogue of errors. */
function clientSources() {
  const own = filesIn('clients/typescript').filter((path) => !path.startsWith('clients/typescript/dist/'));
  return [...own, ...filesIn('src').filter((path) => /^src\/(errors\.ts|sampler\/noise\/)/.test(path))];
}

/** Scripts of package.json, each with what it reads, and what it has then written. */
const steps = [
  {
    script: 'build:wasm',
    sources: () => filesIn('src').filter(isAssembly),
    results: (sources) => sources.filter((path) => path.endsWith('/asconfig.json')).map(kernelOf),
  },
  {
    // Before the service: tests, examples and the page use the client by its name.
    script: 'build:clients',
    sources: () => ['tsconfig.json', ...clientSources()],
    results: () => filesIn('clients/typescript/dist'),
    folder: 'clients/typescript/dist',
  },
  {
    script: 'build:service',
    sources: () => ['tsconfig.json', ...compiledFolders.flatMap(filesIn).filter(isCompiled)],
    results: (sources) => sources.filter(isCompiled).map((path) => `dist/${path.replace(/\.ts$/, '.js')}`),
  },
  {
    script: 'build:explore',
    sources: () => ['tsconfig.json', ...filesIn('explore'), ...clientSources()],
    // What the bundler writes is its own affair; so the folder is emptied first, and all that is in it then is a
    // result.
    results: () => filesIn('dist/public'),
    folder: 'dist/public',
  },
];

/** Of paths and contents; undefined where a file is missing. */
function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    if (!existsSync(inRoot(path))) return undefined;
    const content = readFileSync(inRoot(path));
    hash.update(`${path}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Versions of what builds, by name. What is not installed cannot build: production runs on what was built before
 * `npm prune`.
 */
function toolsOf({ devDependencies = {} }) {
  const names = Object.keys(devDependencies).filter((name) => existsSync(inRoot(`node_modules/${name}/package.json`)));
  const installed = names.map((name) => [name, readJson(`node_modules/${name}/package.json`).version]);
  return { ...Object.fromEntries(installed), node: `${process.version} ${process.platform} ${process.arch}` };
}

function stampOf({ script, sources, results }, tools) {
  const read = sources();
  const own = ['package.json', 'package-lock.json', 'scripts/build.mjs'];
  return { script, sources: digestOf([...own, ...read]), results: digestOf(results(read)), tools };
}

function isFresh(stamp, last) {
  if (last === undefined || stamp.results === undefined) return false;
  const sameTools = Object.entries(stamp.tools).every(([name, version]) => last.tools[name] === version);
  return sameTools && stamp.sources === last.sources && stamp.results === last.results;
}

function readStamps() {
  try {
    return new Map(readJson(stampsPath).map((stamp) => [stamp.script, stamp]));
  } catch {
    return new Map();
  }
}

function writeStamps(stamps) {
  mkdirSync(inRoot('dist'), { recursive: true });
  writeFileSync(inRoot(stampsPath), `${JSON.stringify([...stamps.values()], null, 2)}\n`);
}

/** Compiled files and kernels that no source asks for any more. */
function removeOrphans() {
  const wanted = new Set(steps.flatMap(({ sources, results }) => results(sources())));
  for (const folder of compiledFolders) {
    for (const path of filesIn(`dist/${folder}`)) {
      if (/\.(js|wasm)$/.test(path) && !wanted.has(path)) rmSync(inRoot(path));
    }
  }
}

/** What asks for an end, and may come while a step runs. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a command as npm would. Its processes are a group of their own, so that a signal ends all of them, and then this
 * process: a shell alone would leave its children running.
 * @returns {Promise<boolean>} whether it succeeded
 */
function run(command) {
  const grouped = process.platform !== 'win32';
  const path = [inRoot('node_modules/.bin'), process.env.PATH].join(delimiter);
  // Messages go to stderr: the stdout of `npm start` is the log of the service.
  const options = { shell: true, detached: grouped, cwd: root, stdio: ['ignore', 2, 2] };
  const child = spawn(command, { ...options, env: { ...process.env, PATH: path } });
  const end = (signal) => {
    process.kill(grouped ? -child.pid : child.pid, signal);
    for (const name of stopSignals) process.removeListener(name, end);
    process.kill(process.pid, signal);
  };
  for (const signal of stopSignals) process.on(signal, end);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      for (const signal of stopSignals) process.removeListener(signal, end);
      resolve(code === 0);
    });
  });
}

/**
 * Brings dist up to date.
 * @returns {Promise<boolean>} whether it is
 */
export async function build() {
  const manifest = readJson('package.json');
  const tools = toolsOf(manifest);
  const stamps = readStamps();
  const stale = steps.filter((step) => !isFresh(stampOf(step, tools), stamps.get(step.script)));
  if (stale.length === 0) return true;
  removeOrphans();
  for (const step of stale) {
    process.stderr.write(`${step.script}\n`);
    // A step that is interrupted runs again, and so does one whose sources change meanwhile.
    stamps.delete(step.script);
    writeStamps(stamps);
    const { sources } = stampOf(step, tools);
    if (step.folder) rmSync(inRoot(step.folder), { recursive: true, force: true });
    if (!(await run(manifest.scripts[step.script]))) return false;
    stamps.set(step.script, { ...stampOf(step, tools), sources });
    writeStamps(stamps);
  }
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !(await build())) process.exitCode = 1;
