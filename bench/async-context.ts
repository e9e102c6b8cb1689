/**
 * For `npm run bench:tracing`: given to the service as NODE_OPTIONS=--import, it keeps a context for each request in
 * AsyncLocalStorage, as tracing libraries do, and uses it for nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Server } from 'node:http';

const storage = new AsyncLocalStorage<object>();
const { emit } = Server.prototype;

Server.prototype.emit = function emitInContext(this: Server, event: string, ...args: unknown[]): boolean {
  const act = () => Reflect.apply(emit, this, [event, ...args]) as boolean;
  return event === 'request' ? storage.run({}, act) : act();
} as typeof emit;
