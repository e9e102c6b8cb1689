/**
 * The errors of jobs that are not drawn. The sampler knows nothing of HTTP; routes/draw-problems.ts maps each to the
 * problem that a client gets.
 */

/**
 * - overloaded: the queue has no room, or the job would miss its deadline behind the jobs in the queue
 * - deadline-exceeded: the deadline has passed
 * - too-many-elements: the job costs more units than elementsDrawnMax
 * - too-much-work: the job would miss its deadline on an idle sampler too
 * - worker-lost: the worker thread ended while it held the job, or none is left
 */
export type DrawErrorCode = 'overloaded' | 'deadline-exceeded' | 'too-many-elements' | 'too-much-work' | 'worker-lost';

interface Remedy {
  /** When the sampler would accept such a job. */
  readonly retryAfterSeconds?: number;
  /** The most units (cost.ts) that a job may cost. */
  readonly unitsMax?: number;
  /** The number of draws of the job, and how many of them an idle sampler could finish in time. */
  readonly draws?: number;
  readonly drawsInTime?: number;
}

export class DrawError extends Error {
  override readonly name = 'DrawError';
  readonly code: DrawErrorCode;
  readonly remedy: Remedy;

  constructor(code: DrawErrorCode, message: string, remedy: Remedy = {}) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

/**
 * The error of every job for which the queue has no room. One shared instance: capturing a stack trace for each would
 * cost more than the refusal.
 */
export const queueFull = new DrawError('overloaded', 'The queue of this replica is full. Send the draw again later.');
