/** What the routes are given: `app.ts` makes one context and hands it to every route. */
import type { Callers } from '../access/callers.js';
import type { Config } from '../config.js';
import type { OnPrinted } from '../json/print-body.js';
import type { Sampler } from '../sampler/sampler.js';

export interface RouteContext {
  readonly config: Config;
  readonly sampler: Sampler;
  readonly lifecycle: Lifecycle;
  readonly metrics: RouteMetrics;
  /** The callers with a key; undefined where no key is needed. */
  readonly callers?: Callers | undefined;
  /** Version of this build. */
  readonly version: string;
}

/** Whether the process is stopping. `service.ts` sets it, routes read it. */
export interface Lifecycle {
  /** Set once, by the first SIGTERM. The service is then unready, and still answers every request that arrives. */
  draining: boolean;
  /** Another process of this service can draw; so the service is ready, whatever happens in this one. */
  drawnElsewhere?: boolean;
}

/** Metrics as routes see them. */
export interface RouteMetrics {
  /** Called with the time that printing a reply took. */
  readonly printed: OnPrinted;
  /** Media type of `text`. */
  readonly contentType: string;
  /** Every metric, in the text format of Prometheus. */
  readonly text: () => Promise<Buffer>;
}
