/**
 * The order of queued jobs of one class: start-time fair queueing by caller (Goyal, Vin and Cheng 1996, SIGCOMM). A
 * job's tag is the virtual time at which it arrived, or the end of its caller's last job if that is later; the lowest
 * tag is next, the oldest of equal ones. So a caller that queues much waits behind itself and not in front of others,
 * and whoever has just come stands at the virtual time of now, behind what began before.
 */
import type { Job } from '../job.js';

/** A caller's place in the virtual time of a class. */
export interface VirtualTime {
  /** The end of its last job. */
  finish: number;
}

export interface Ordered {
  readonly job: Job;
  tag: number;
  /** Counts up with each job that is added, of all orders. */
  age: number;
}

export class FairOrder<Entry extends Ordered> {
  /** Entries by kind and K, each list in order. */
  readonly #groups = new Map<string, Entry[]>();
  #virtualTime = 0;

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  /** The tag that a job would get now. */
  tagFor(caller: VirtualTime): number {
    return Math.max(this.#virtualTime, caller.finish);
  }

  /** Adds an entry of so many units. It keeps its place until it is removed, however much of it is drawn meanwhile. */
  add(entry: Entry, units: number, caller: VirtualTime): void {
    entry.tag = this.tagFor(caller);
    caller.finish = entry.tag + units;
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, [entry]);
    else insert(group, entry);
  }

  /** Removes an entry; does nothing where it is not in the order. */
  remove(entry: Entry): void {
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    const index = group?.indexOf(entry) ?? -1;
    if (!group || index < 0) return;
    if (index === 0) group.shift();
    else group.splice(index, 1);
    if (group.length === 0) this.#groups.delete(key);
  }

  /** The next entry, or the next of those that can share a batch with `like`. */
  first(like?: Job): Entry | undefined {
    if (like !== undefined) return this.#groups.get(groupOf(like))?.[0];
    let first: Entry | undefined;
    for (const group of this.#groups.values()) {
      const entry = group[0] as Entry;
      if (first === undefined || isBefore(entry, first)) first = entry;
    }
    return first;
  }

  /** Virtual time goes on to the entry that is served. */
  serve({ tag }: Entry): void {
    this.#virtualTime = Math.max(this.#virtualTime, tag);
  }

  /** Every entry, in order. */
  all(): Entry[] {
    return [...this.#groups.values()].flat().sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }
}

function isBefore(a: Ordered, b: Ordered): boolean {
  return a.tag < b.tag || (a.tag === b.tag && a.age < b.age);
}

/** Most come last: a search from the end. */
function insert<Entry extends Ordered>(group: Entry[], entry: Entry): void {
  let index = group.length;
  while (index > 0 && isBefore(entry, group[index - 1] as Entry)) index -= 1;
  if (index === group.length) group.push(entry);
  else group.splice(index, 0, entry);
}

/** Jobs of one group can share a batch. */
function groupOf({ kind, categories }: Job): string {
  return `${kind} ${categories}`;
}
