/**
 * Why a job was not drawn. The sampler knows nothing of HTTP: routes/draw-problems.ts says what a client is told of
 * each.
 */

/**
 * - overloaded: no room in the queue, or not in time behind what waits there
 * - deadline-exceeded: given up at its deadline
 * - too-many-elements: costs more than elementsDrawnMax
 * - too-much-work: not even an idle sampler would be in time
 * - worker-lost: its worker thread ended
 */
export type DrawErrorCode = 'overloaded' | 'deadline-exceeded' | 'too-many-elements' | 'too-much-work' | 'worker-lost';

interface Remedy {
  /** When a job like this one could be taken. */
  readonly retryAfterSeconds?: number;
  /** The most that a job of this kind could cost, in units of cost.ts. */
  readonly unitsMax?: number;
  /** Draws of the job, and how many of them could be done in time. */
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
 * The error of every job for which the queue has no room. One for all: capturing a stack trace for each costs more than
 * the refusal.
 */
export const queueFull = new DrawError('overloaded', 'More draws are waiting than this replica takes on.');
