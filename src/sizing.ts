/** The defaults of PROCESSES and WORKERS for a machine, and the most that each may be. */

export interface Machine {
  /** CPUs that this process may use. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Up to this many CPUs one process draws small requests faster, because it makes larger batches. */
const oneProcessCpusMax = 3;

/** Memory of a process with its workers under load, with some bodies and results. */
const processBytes = 512 * 2 ** 20;

/**
 * Workers that one process is given. Its HTTP thread keeps three busy with draws of 300,000 elements, and fewer with
 * smaller ones (docs/scale.md). Each takes memory, and CPUs that neighbours may need.
 */
const workersOfProcessMax = 4;

export const processesMax = 128;
export const workersMax = 256;

export function processesFor({ cpus, memoryBytes }: Machine): number {
  if (cpus <= oneProcessCpusMax) return 1;
  return Math.max(1, Math.min(Math.floor(cpus / 2), Math.floor(memoryBytes / processBytes), processesMax));
}

/** Workers of all processes. The HTTP thread of one process has a CPU of its own; several share CPUs with workers. */
export function workersFor(cpus: number, processes: number): number {
  const wanted = processes === 1 ? Math.max(1, cpus - 1) : Math.max(processes, cpus);
  return Math.min(wanted, processes * workersOfProcessMax, workersMax);
}
