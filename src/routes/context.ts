/** The context of the routes: `app.ts` passes one to every route. */
import type { Callers } from '../access/callers.js';
import type { Config } from '../config.js';
import type { OnPrinted } from '../json/print-body.js';
import type { Sampler } from '../sampler/sampler.js';

export interface RouteContext {
  readonly config: Config;
  readonly sampler: Sampler;
  readonly lifecycle: Lifecycle;
  readonly metrics: RouteMetrics;
  /** The callers by API key; undefined if no key is needed. */
  readonly callers?: Callers | undefined;
  /** Version of this build. */
  readonly version: string;
}

/** Whether the process is stopping. `service.ts` sets it; `app.ts` and `routes/health.ts` read it. */
export interface Lifecycle {
  /** True from the first stop signal on. /readyz then replies 503; every other request is still answered. */
  draining: boolean;
  /** Whether another process of this service can draw: the service is then ready, whatever the state of this one. */
  othersDraw?: boolean;
}

/** The part of the metrics that routes use. */
interface RouteMetrics {
  /** Called with the time that it took to print a reply. */
  readonly printed: OnPrinted;
  /** Media type of `text`. */
  readonly contentType: string;
  /** Every metric, in the text format of Prometheus. */
  readonly text: () => Promise<Buffer>;
}
