/**
 * The order of queued jobs of one class: start-time fair queueing by caller (Goyal, Vin and Cheng 1996, SIGCOMM). The
 * tag of a job is the virtual time of its arrival, or the virtual finish time of its caller's last job if that is
 * later. The job with the lowest tag is next, and of equal tags the oldest. So a caller with many jobs delays its own
 * jobs and not those of others. A new caller starts at the present virtual time.
 */
import type { Job } from '../job.js';

/** A caller's virtual time in one class. */
export interface VirtualTime {
  /** The finish time of its last job. */
  finish: number;
}

export interface Ordered {
  readonly job: Job;
  tag: number;
  /** Position in the order of arrival, over all classes. */
  age: number;
}

export class FairOrder<Entry extends Ordered> {
  /** Entries by kind and K, each list sorted. */
  readonly #groups = new Map<string, Entry[]>();
  #virtualTime = 0;

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  /** The tag that a new job of this caller would get now. */
  tagFor(caller: VirtualTime): number {
    return Math.max(this.#virtualTime, caller.finish);
  }

  /** Adds an entry of so many units. It keeps its tag until it is removed, also while its parts are drawn. */
  add(entry: Entry, units: number, caller: VirtualTime): void {
    entry.tag = this.tagFor(caller);
    caller.finish = entry.tag + units;
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, [entry]);
    else insert(group, entry);
  }

  /** Removes an entry. Does nothing if it is not in the order. */
  remove(entry: Entry): void {
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    if (group === undefined) return;
    const index = group.indexOf(entry);
    if (index < 0) return;
    if (index === 0) group.shift();
    else group.splice(index, 1);
    if (group.length === 0) this.#groups.delete(key);
  }

  /** The next entry. With `like`, the next entry that can share a batch with that job. */
  first(like?: Job): Entry | undefined {
    if (like !== undefined) return this.#groups.get(groupOf(like))?.[0];
    let first: Entry | undefined;
    for (const group of this.#groups.values()) {
      const entry = group[0];
      if (first === undefined || isBefore(entry, first)) first = entry;
    }
    return first;
  }

  /** Advances the virtual time to the tag of an entry that starts. */
  serve({ tag }: Entry): void {
    this.#virtualTime = Math.max(this.#virtualTime, tag);
  }

  /** All entries, sorted. */
  all(): Entry[] {
    return [...this.#groups.values()].flat().sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }
}

function isBefore(a: Ordered, b: Ordered): boolean {
  return a.tag < b.tag || (a.tag === b.tag && a.age < b.age);
}

/** Inserts in order. Searches from the end, where most new entries belong. */
function insert<Entry extends Ordered>(group: Entry[], entry: Entry): void {
  let index = group.length;
  while (index > 0 && isBefore(entry, group[index - 1])) index -= 1;
  if (index === group.length) group.push(entry);
  else group.splice(index, 0, entry);
}

/** The key of the jobs that can share a batch. */
function groupOf({ kind, categories }: Job): string {
  return `${kind} ${categories}`;
}
