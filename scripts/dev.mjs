/**
 * `npm run dev`: builds, serves with a readable log, and does both again when a file of the service, the page or the
 * client changes. A build that fails prints its errors, and the service runs on as it was. The service is a process of
 * its own, so that nothing of the old code is left.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pretty from 'pino-pretty';
import { build } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const watchedFolders = ['src', 'explore', 'clients/typescript/src'];

/**
 * Editors write a file in several steps, and version control many files: a build waits for this long without a change.
 */
const quietMs = 100;

let stopping = false;
/** Ends the wait for a change. */
let wake = () => {};
const say = (text) => process.stderr.write(`${text}\n`);

function foldersBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return [folder, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))];
}

/**
 * Watches from the call on, and resolves after a change or a stop. Each folder has a watcher of its own, which also
 * sees files that an editor replaces by renaming; Node.js 20 has no recursive watcher on Linux that does so reliably.
 */
async function nextChange() {
  const watchers = [];
  let changedMs = 0;
  await new Promise((resolve) => {
    const changed = () => {
      changedMs = performance.now();
      resolve();
    };
    wake = resolve;
    for (const folder of watchedFolders.flatMap((name) => foldersBelow(join(root, name)))) {
      // A folder that is removed while it is watched is a change as well.
      watchers.push(watch(folder, changed).on('error', changed));
    }
  });
  while (!stopping && performance.now() - changedMs < quietMs) await delay(quietMs);
  for (const watcher of watchers) watcher.close();
}

/** Starts what was built. */
function startService() {
  const child = spawn(process.execPath, [join(root, 'dist/src/server.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.pipe(pretty({ destination: 1, sync: true, ignore: 'hostname' }));
  const service = { child, stopping: false, closed: once(child, 'close') };
  child.on('exit', (code, signal) => {
    if (!service.stopping)
      say(`The service ended: ${signal ?? `code ${code}`}. It starts again after the next change.`);
  });
  return service;
}

/** Resolves when the service has ended and its log is written. */
async function stopService(service, signal) {
  if (!service) return;
  service.stopping = true;
  service.child.kill(signal);
  await service.closed;
}

let service;
// Ctrl-C signals the service too, and npm passes on what it gets: the service takes the same signal within a second as
// one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (service) service.stopping = true;
    service?.child.kill(signal);
    stopping = true;
    wake();
  });
}

while (!stopping) {
  const change = nextChange();
  const built = await build();
  if (stopping) break;
  if (built) {
    await stopService(service, 'SIGTERM');
    if (stopping) break;
    service = startService();
  } else {
    say('The build failed. Waiting for a change.');
  }
  await change;
}
await service?.closed;
