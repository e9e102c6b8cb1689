/** The reply of a simulated request: what http/ and routes/ use of Node's ServerResponse. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { world } from './world.js';

export class FakeReply extends EventEmitter {
  /** Whether it has been sent, or its client has left. */
  destroyed = false;
  statusCode = 200;
  #answers = 0;

  get raw(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  /** Whether the service has answered. */
  get isAnswered(): boolean {
    return this.#answers > 0;
  }

  /** The service answers. */
  answer(status: number, name: string): void {
    this.statusCode = status;
    this.#answers += 1;
    world().note(() => `${name} is answered ${status}`);
    if (this.#answers > 1) world().violate(`${name} is answered twice`);
  }

  /** The client has read all of it. */
  finish(): void {
    if (this.destroyed) return;
    this.emit('finish');
    this.leave();
  }

  /** The connection is closed. */
  leave(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}
