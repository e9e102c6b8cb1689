/** What the primary and the processes that speak HTTP tell each other. Node carries it as JSON, in order. */
import type { MetricList } from '../observability/metrics.js';
import type { PoolState } from '../sampler/queue/pool.js';

/** What a process says to the primary. */
export type FromProcess =
  /** It can be handed connections. */
  | { readonly type: 'serving'; readonly provider: string; readonly device: string }
  /** It could not start: the line for stderr, and the exit code of a service of one process. */
  | { readonly type: 'failed'; readonly message: string; readonly code: number }
  /** Its event loop turns; said several times a second. */
  | { readonly type: 'beat'; readonly state: PoolState }
  /** It has the connection that it was handed. */
  | { readonly type: 'received' }
  | { readonly type: 'values'; readonly id: number; readonly values: MetricList }
  | { readonly type: 'metrics'; readonly id: number }
  /** What a key may draw, as this process has read it. */
  | { readonly type: 'quota'; readonly name: string; readonly elementsPerMinute: number }
  | { readonly type: 'charge'; readonly id: number; readonly name: string; readonly elements: number }
  | { readonly type: 'refund'; readonly name: string; readonly elements: number };

/** What the primary says to a process. */
export type FromPrimary =
  /** With an open connection, which nobody has read from. */
  | { readonly type: 'connection' }
  /** Be unready; connections still come. */
  | { readonly type: 'drain' }
  /** No more connections come: answer what is in flight, and end. */
  | { readonly type: 'finish' }
  /** Whether another process can draw. */
  | { readonly type: 'othersDraw'; readonly othersDraw: boolean }
  | { readonly type: 'collect'; readonly id: number }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** `waitMs` is 0 where the elements were taken, and `portion` what was taken in advance. */
  | { readonly type: 'charged'; readonly id: number; readonly waitMs: number; readonly portion: number };
