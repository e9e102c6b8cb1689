/**
 * `npm start`: builds what has changed, and is the service. One process and no shell around it (`exec` in
 * package.json), so that a signal to npm, which passes it on to its child alone, reaches the service:
 * https://github.com/npm/run-script/blob/main/lib/signal-manager.js
 */
import { build } from './build.mjs';

if (await build()) await import('../dist/src/server.js');
else process.exitCode = 1;
