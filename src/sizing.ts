/** The defaults of PROCESSES and WORKERS for a machine. */

export interface Machine {
  /** CPUs that this process may use. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Up to this many CPUs one process draws small requests faster, because it makes larger batches. */
const oneProcessCpusMax = 3;

/** Memory of a process with its workers under load, with some bodies and results. */
const processBytes = 512 * 2 ** 20;

export function processesFor({ cpus, memoryBytes }: Machine): number {
  if (cpus <= oneProcessCpusMax) return 1;
  return Math.max(1, Math.min(Math.floor(cpus / 2), Math.floor(memoryBytes / processBytes)));
}

/** Workers of all processes. The HTTP thread of one process has a CPU of its own; several share CPUs with workers. */
export function workersFor(cpus: number, processes: number): number {
  return processes === 1 ? Math.max(1, cpus - 1) : Math.max(processes, cpus);
}
