/**
 * The buffer pool of a simulation, in place of every BufferPool. It reuses buffers of any size, and at once, so that
 * two owners of one buffer meet. It overwrites a buffer that is given back, so that whoever still reads it notices.
 */
import { BufferPool } from '../../src/runtime/buffer-pool.js';
import { world } from './world.js';

const poison = 0xff;

/** Idle memory of all simulations, by size: allocating it for each would take most of the time. */
const memory = new Map<number, ArrayBuffer[]>();

let buffers: Buffers | undefined;

/** The buffers of one simulation. */
export class Buffers {
  readonly #idle = new Map<number, ArrayBuffer[]>();
  /** Buffers that somebody has. */
  readonly #taken = new Set<ArrayBuffer>();
  /** Buffers that go to the garbage collector, and are never given back. */
  readonly #lost = new Set<ArrayBuffer>();

  constructor() {
    buffers = this;
  }

  take(bytes: number): ArrayBuffer {
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(bytes)));
    const idle = this.#idle.get(size) ?? [];
    let buffer: ArrayBuffer | undefined;
    if (idle.length > 0 && world().random.chance(0.8)) {
      [buffer] = idle.splice(world().random.below(idle.length), 1);
    } else {
      buffer = memory.get(size)?.pop() ?? new ArrayBuffer(size);
      new Uint8Array(buffer).fill(poison);
    }
    this.#taken.add(buffer as ArrayBuffer);
    return buffer as ArrayBuffer;
  }

  give(buffer: ArrayBuffer): void {
    if (!this.#taken.delete(buffer)) {
      world().violate('a buffer was given back twice, or by somebody who did not have it');
      return;
    }
    if (this.#lost.has(buffer)) world().violate('a buffer that may still be read was given back');
    new Uint8Array(buffer).fill(poison);
    const idle = this.#idle.get(buffer.byteLength);
    if (idle) idle.push(buffer);
    else this.#idle.set(buffer.byteLength, [buffer]);
  }

  /** Transfers a buffer to another thread, as postMessage does: the sender's is empty from now on. */
  transfer(buffer: ArrayBuffer): ArrayBuffer {
    if (!this.#taken.delete(buffer)) world().violate('a buffer was sent by somebody who did not have it');
    const moved = structuredClone(buffer, { transfer: [buffer] });
    this.#taken.add(moved);
    if (this.#lost.delete(buffer)) this.#lost.add(moved);
    return moved;
  }

  /** The garbage collector is to have this buffer. */
  lose(buffer: ArrayBuffer): void {
    this.#lost.add(buffer);
  }

  /** Ends the simulation. @returns buffers that nobody has given back, although nothing was lost */
  end(): number {
    let leaked = 0;
    for (const buffer of this.#taken) if (!this.#lost.has(buffer)) leaked += 1;
    for (const [size, idle] of this.#idle) {
      const kept = memory.get(size);
      if (kept) kept.push(...idle);
      else memory.set(size, idle);
    }
    this.#idle.clear();
    return leaked;
  }
}

/** Puts the buffers of the present simulation in the place of every pool of this process, for good. */
export function replaceBuffers(): void {
  BufferPool.prototype.take = (bytes) => (buffers as Buffers).take(bytes);
  BufferPool.prototype.give = (buffer) => (buffers as Buffers).give(buffer);
}
