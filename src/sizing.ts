/** How many processes and workers suit a machine: the defaults of PROCESSES and WORKERS. */

export interface Machine {
  /** CPUs that this service may use. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Up to so many CPUs one process is faster for small draws: it makes larger batches. */
const oneProcessCpusMax = 3;

/** What a process with its workers takes under load, with room for bodies and results. */
const processBytes = 512 * 2 ** 20;

export function processesFor({ cpus, memoryBytes }: Machine): number {
  if (cpus <= oneProcessCpusMax) return 1;
  return Math.max(1, Math.min(Math.floor(cpus / 2), Math.floor(memoryBytes / processBytes)));
}

/** Workers of all processes together. One HTTP thread has a CPU of its own; several share theirs with the workers. */
export function workersFor(cpus: number, processes: number): number {
  return processes === 1 ? Math.max(1, cpus - 1) : Math.max(processes, cpus);
}
