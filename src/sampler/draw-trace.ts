/** What the sampler tells the trace of a request about its draw. observability/tracing/ implements it. */
export interface DrawTrace {
  /** The job has entered the queue. Times are those of `performance.now`. */
  readonly queued: (atMs: number) => void;
  /** A part of the job has left the queue. */
  readonly begun: (atMs: number) => void;
}
