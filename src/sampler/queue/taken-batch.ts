/** A batch that has left the queue: its parts, in order, and the entry of each. */
import { unitsOfDraws } from '../cost.js';
import type { Part } from '../job.js';
import type { QueueEntry } from './queue-entry.js';

export class TakenBatch<Entry extends QueueEntry = QueueEntry> {
  #entries: Entry[] = [];
  #parts: Part[] = [];
  #units = 0;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  /** Units of all parts. */
  get units(): number {
    return this.#units;
  }

  /** Whether anybody waits for the batch. */
  get isWanted(): boolean {
    return this.#entries.some(({ settled }) => !settled);
  }

  add(entry: Entry, part: Part): void {
    this.#entries.push(entry);
    this.#parts.push(part);
    this.#units += unitsOfPart(entry, part);
  }

  /**
   * Drops the parts of jobs that have settled while the batch waited: nobody waits for them, and their inputs may be
   * those of another request by now.
   */
  dropSettled(): void {
    if (!this.#entries.some(({ settled }) => settled)) return;
    const [entries, parts] = [this.#entries, this.#parts];
    this.#entries = [];
    this.#parts = [];
    this.#units = 0;
    for (const [index, entry] of entries.entries()) if (!entry.settled) this.add(entry, parts[index]);
  }
}

function unitsOfPart({ unitsPerDraw }: QueueEntry, { rowCount, sampleCount }: Part): number {
  return unitsOfDraws(rowCount * sampleCount, unitsPerDraw);
}
