/**
 * Cross-origin resource sharing (WHATWG Fetch, section 3.2): which pages of other origins a browser lets read replies.
 * This is no plugin of Fastify, because errors sent in front of Fastify or on the raw socket need the headers too:
 * without them a page sees a failed request instead of a 503 and its Retry-After. Credentials are never allowed:
 * scripts send keys in a header.
 */
import type { IncomingHttpHeaders } from 'node:http';

type Headers = Readonly<Record<string, string>>;

/** Headers of requests that a script may set. */
const requestHeaders =
  'authorization, content-type, x-request-id, x-deadline-ms, traceparent, tracestate, baggage, inference-header-content-length, if-none-match';

/** Headers of replies that a script may read, beside those that every script may. */
const replyHeaders =
  'x-request-id, retry-after, x-provider, x-provider-device, inference-header-content-length, allow, www-authenticate, etag, server-timing';

/** How long a browser may cache a preflight; no browser caches one for longer. */
const preflightSeconds = 7200;

const none: Headers = {};

export class Cors {
  readonly #anyOrigin: Headers | undefined;
  readonly #origins: ReadonlyMap<string, Headers>;
  readonly #others: Headers;

  /** @param origins such as https://example.org, or "*" for all; empty if sharing is off */
  constructor(origins: readonly string[]) {
    const headersOf = (origin: string) => ({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': replyHeaders,
    });
    this.#anyOrigin = origins.includes('*') ? headersOf('*') : undefined;
    this.#others = origins.length > 0 ? { vary: 'origin' } : none;
    this.#origins = new Map(origins.map((origin) => [origin, { ...headersOf(origin), ...this.#others }]));
  }

  /** Headers of every reply to a request of this origin. Caches must not reuse them for another origin. */
  headersFor(origin: string | undefined): Headers {
    if (this.#anyOrigin) return this.#anyOrigin;
    return (origin === undefined ? undefined : this.#origins.get(origin)) ?? this.#others;
  }

  /**
   * Headers of the reply to a preflight of a path with these methods; undefined if the request is no preflight, or its
   * origin is not allowed.
   */
  preflightFor(method: string, headers: IncomingHttpHeaders, methods: string): Headers | undefined {
    const { origin, 'access-control-request-method': wanted } = headers;
    if (method !== 'OPTIONS' || origin === undefined || wanted === undefined) return undefined;
    if (!this.#anyOrigin && !this.#origins.has(origin)) return undefined;
    return {
      'access-control-allow-methods': methods,
      'access-control-allow-headers': requestHeaders,
      'access-control-max-age': String(preflightSeconds),
    };
  }
}
