/** The messages between the primary and its processes. Node sends them as JSON and keeps their order. */
import type { MetricList } from '../observability/metrics.js';
import type { PoolState } from '../sampler/queue/pool.js';

/** From a process to the primary. */
export type FromProcess =
  /** It accepts connections from now on. */
  | { readonly type: 'serving'; readonly provider: string; readonly device: string }
  /** It could not start. `message` and `code` are the line on stderr and the exit code of a service of one process. */
  | { readonly type: 'failed'; readonly message: string; readonly code: number }
  /** Sent several times a second: the event loop runs, and `state` is the state of the workers. */
  | { readonly type: 'beat'; readonly state: PoolState }
  /** It has received the last connection. */
  | { readonly type: 'received' }
  /** Answers `collect`. */
  | { readonly type: 'values'; readonly id: number; readonly values: MetricList }
  /** Asks for the text of /metrics. */
  | { readonly type: 'metrics'; readonly id: number }
  /** The quota of a key, as this process has read it from the key file. */
  | { readonly type: 'quota'; readonly name: string; readonly elementsPerMinute: number }
  | { readonly type: 'charge'; readonly id: number; readonly name: string; readonly elements: number }
  | { readonly type: 'refund'; readonly name: string; readonly elements: number };

/** From the primary to a process. */
export type FromPrimary =
  /** Comes with the socket of a new connection. */
  | { readonly type: 'connection' }
  /** /readyz is to reply 503; connections still come. */
  | { readonly type: 'drain' }
  /** No more connections come: finish the requests in flight, then end. */
  | { readonly type: 'finish' }
  /** Whether another process can draw. */
  | { readonly type: 'othersDraw'; readonly othersDraw: boolean }
  | { readonly type: 'collect'; readonly id: number }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** `waitMs` is 0 if the charge was accepted. `portion` is what the process may charge from now on by itself. */
  | { readonly type: 'charged'; readonly id: number; readonly waitMs: number; readonly portion: number };
