/** The events that the sampler reports for metrics and traces. observability/ implements the observer. */
import type { Kind, Part } from './job.js';

/** A drawn batch. */
export interface DrawnBatch {
  readonly kind: Kind;
  /** Jobs with a part in the batch. */
  readonly requests: number;
  /** Draws: rows of logits times their samples. */
  readonly rows: number;
  /** Draws times categories. */
  readonly elements: number;
  /** Milliseconds of the worker outside ONNX Runtime: noise, perturbed logits, indices, copies. */
  readonly noiseMs: number;
  /** Milliseconds of the worker inside ONNX Runtime. */
  readonly graphMs: number;
  readonly parts: readonly Part[];
  /** When it was handed to the worker, or to this thread, and when its result came back, by `performance.now`. */
  readonly startMs: number;
  readonly endMs: number;
  readonly place: 'worker' | 'inline';
  readonly provider: string;
}

export interface SamplerObserver {
  /** The first part of a job has left the queue, `waitMs` after the job was submitted. */
  readonly waited: (waitMs: number) => void;
  readonly drawn: (batch: DrawnBatch) => void;
  /** A worker thread has ended unexpectedly, or could not be replaced. */
  readonly workerLost: () => void;
}

/** An observer that does nothing. */
export const unobserved: SamplerObserver = { waited: () => {}, drawn: () => {}, workerLost: () => {} };
