/**
 * The order of queued jobs of one class: fair queueing by caller, by start tags (Goyal, Vin and Cheng 1996, SIGCOMM).
 * The tag of a job is the virtual time of its arrival, or the virtual finish time of its caller's last job if that is
 * later. The job with the lowest tag is next, and of equal tags the oldest. So a caller with many jobs delays its own
 * jobs and not those of others. A new caller starts at the present virtual time.
 *
 * The virtual time is the units that each waiting caller would have been served by now, had they been served at once
 * (Demers, Keshav and Shenker 1989, SIGCOMM): units served, by the number of callers that waited. It is at least the
 * tag of what starts, which alone is the virtual time of the first paper. That one stands still while each job is of a
 * new caller, as where clients open a connection for each request, and whoever has been served would wait for ever. It
 * is at most the last finish time of what has started, since callers that share a batch wait at once.
 */
import type { Job } from '../job.js';

/** A caller's virtual time in one class. */
export interface VirtualTime {
  /** The finish time of its last job. */
  finish: number;
  /** Its jobs in the order. */
  queued: number;
}

export interface Ordered {
  readonly job: Job;
  tag: number;
  /** The virtual time at which all of it would be served. */
  finish: number;
  /** Position in the order of arrival, over all classes. */
  age: number;
}

export class FairOrder<Entry extends Ordered> {
  /** Entries by kind and K, each list sorted. */
  readonly #groups = new Map<string, Entry[]>();
  #virtualTime = 0;
  /** By how much what has started last advances the virtual time, once the next starts. */
  #advance = 0;
  /** The last finish time of jobs that have started. */
  #finishMax = 0;
  /** Callers that have a job in the order. */
  #callers = 0;

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
    entry.finish = entry.tag + units;
    caller.finish = entry.finish;
    if (caller.queued === 0) this.#callers += 1;
    caller.queued += 1;
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, [entry]);
    else insert(group, entry);
  }

  /** Removes an entry of this caller. Does nothing if it is not in the order. */
  remove(entry: Entry, caller: VirtualTime): void {
    const key = groupOf(entry.job);
    const group = this.#groups.get(key);
    if (group === undefined) return;
    const index = group.indexOf(entry);
    if (index < 0) return;
    if (index === 0) group.shift();
    else group.splice(index, 1);
    if (group.length === 0) this.#groups.delete(key);
    caller.queued -= 1;
    if (caller.queued === 0) this.#callers -= 1;
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

  /** Advances the virtual time: so many units of an entry start. Comes before the entry is removed. */
  serve({ tag, finish }: Entry, units: number): void {
    this.#virtualTime = Math.max(tag, Math.min(this.#virtualTime + this.#advance, this.#finishMax));
    this.#finishMax = Math.max(this.#finishMax, finish);
    this.#advance = units / this.#callers;
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
