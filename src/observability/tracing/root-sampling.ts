/**
 * Head sampling of requests without a caller's span, whose own span is the root of its trace. The sampler decides by
 * the id of a trace, and the id of a trace that begins here is ours to choose: so it is asked about many ids at once,
 * and a request that is not recorded costs a subtraction.
 */
import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import type { SpanIds } from './span-ids.js';

/** How far it looks ahead at most: so that a sampler that records nothing is not asked for ever. */
const aheadMax = 256;

export class RootSampling {
  readonly #sampler: Sampler;
  readonly #ids: SpanIds;
  /** Requests that are not recorded, before the one that gets #traceId. */
  #unrecorded = 0;
  /** Undefined if the end of the look ahead comes first. */
  #traceId: string | undefined;

  constructor(sampler: Sampler, ids: SpanIds) {
    this.#sampler = sampler;
    this.#ids = ids;
    this.#lookAhead();
  }

  /** The next request. @returns the id of its trace; undefined if it is not recorded */
  next(): string | undefined {
    if (this.#unrecorded > 0) {
      this.#unrecorded -= 1;
      return undefined;
    }
    const traceId = this.#traceId;
    this.#lookAhead();
    return traceId ?? this.next();
  }

  #lookAhead(): void {
    this.#traceId = undefined;
    for (this.#unrecorded = 0; this.#unrecorded < aheadMax; this.#unrecorded++) {
      const traceId = this.#ids.traceId();
      const { decision } = this.#sampler.shouldSample(ROOT_CONTEXT, traceId, '', SpanKind.SERVER, {}, []);
      if (decision === SamplingDecision.NOT_RECORD) continue;
      this.#traceId = traceId;
      break;
    }
  }
}
