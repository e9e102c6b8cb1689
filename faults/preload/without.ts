/**
 * Loaded before the service's own code. Replaces the module of the protection that WITHOUT names by one that does
 * nothing, so that the scenario `protections` can show what each buys. The service itself has no switch for them.
 */
import { existsSync } from 'node:fs';
import { register } from 'node:module';

const standIns: Readonly<Record<string, readonly [module: string, source: string]>> = {
  'load shedding': ['http/load-shedding.js', 'export function refuseWhenFull(handle) { return handle; }'],
  'warm-up': ['http/warm-up.js', 'export async function warmUp() {}'],
  niceness: ['runtime/thread-priority.js', 'export const workerNiceness = 0; export function lowerThreadPriority() {}'],
};

const [module, source] = standIns[process.env.WITHOUT ?? ''] ?? [];
if (module === undefined) throw new Error(`There is no protection "${process.env.WITHOUT}"`);
// The build lies in dist/faults/preload. A module that was renamed would be left in place, unnoticed.
const url = new URL(`../../src/${module}`, import.meta.url);
if (!existsSync(url)) throw new Error(`There is no module ${module}`);

// Hooks run on a thread of their own, so they are a module of their own.
const hooks = `
  export async function load(url, context, next) {
    if (url !== ${JSON.stringify(url.href)}) return next(url, context);
    return { format: 'module', shortCircuit: true, source: ${JSON.stringify(source)} };
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
