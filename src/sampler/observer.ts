/** What the sampler says of its work to whoever measures it. It knows nothing of how that is kept or shown. */
import type { Kind } from './job.js';

/** A batch that has been drawn. */
export interface DrawnBatch {
  readonly kind: Kind;
  /** Jobs that had a part in it. */
  readonly requests: number;
  /** Draws: rows of logits times their samples. */
  readonly rows: number;
  /** Draws times categories. */
  readonly elements: number;
  /** Time of the worker outside the graph: noise, perturbed logits, indices, and copying. */
  readonly noiseMs: number;
  /** Time of the worker inside ONNX Runtime. */
  readonly graphMs: number;
}

export interface SamplerObserver {
  /** A job has left the queue for the first time, after it waited so long. */
  readonly waited: (waitMs: number) => void;
  readonly drawn: (batch: DrawnBatch) => void;
  /** A worker thread was lost, and another takes its place. */
  readonly workerLost: () => void;
}

/** For a sampler that nobody measures. */
export const unobserved: SamplerObserver = { waited: () => {}, drawn: () => {}, workerLost: () => {} };
