/**
 * Random ids of traces and spans, as hexadecimal digits. A recorded request needs about eight, so many are cut from one
 * text.
 */
import { randomBytes } from 'node:crypto';

/** 64 ids of traces. A recorded span keeps the text alive until it is exported. */
const textBytes = 1024;
const noId = '0'.repeat(32);

export class SpanIds {
  #text = '';
  #at = 0;
  readonly #random: (bytes: number) => Buffer;

  constructor(random: (bytes: number) => Buffer = randomBytes) {
    this.#random = random;
  }

  traceId(): string {
    return this.#digits(32);
  }

  spanId(): string {
    return this.#digits(16);
  }

  #digits(count: number): string {
    if (this.#at + count > this.#text.length) {
      this.#text = this.#random(textBytes).toString('hex');
      this.#at = 0;
    }
    const id = this.#text.slice(this.#at, this.#at + count);
    this.#at += count;
    // No id may be all zeros. Of 2^64, one would be.
    return id === noId.slice(0, count) ? this.#digits(count) : id;
  }
}
