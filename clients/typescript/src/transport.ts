/** One request and its reply: key, deadline, and tries that are repeated. */
import { errorOf, ServiceError } from './service-error.js';

export interface ClientOptions {
  /** Sent as Authorization: Bearer. */
  readonly apiKey?: string;
  /** How long a request may take, its tries included; 60,000 by default. A call in parts makes several requests. */
  readonly timeoutMs?: number;
  /** How often a request is sent again after a 503 or a lost connection; 6 by default. */
  readonly retries?: number;
  /** In place of the global one. */
  readonly fetch?: typeof fetch;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Adds headers to the requests of a call, such as the trace context of the caller:
   * `(headers) => propagation.inject(context.active(), headers)` with @opentelemetry/api. Called once for each call,
   * before it returns its promise.
   */
  readonly propagate?: (headers: Record<string, string>) => void;
}

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's. */
  readonly timeoutMs?: number | undefined;
}

export interface Message {
  /** GET where there is no body. */
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly headers: Headers;
  readonly bytes: ArrayBuffer;
}

const timeoutMsDefault = 60_000;
/** With the pauses below a service may be away for six seconds. */
const retriesDefault = 6;
const pauseMsFirst = 100;
const pauseMsMax = 5000;
/** Clients that were refused together are not to come back together. */
const jitter = 0.25;

/** The longest timer there is; a longer one would end at once. */
const timerMsMax = 2 ** 31 - 1;

/** Gateways answer 502 for a connection that they lost. */
function isWorthAnotherTry({ code, status }: ServiceError): boolean {
  return status === 503 || status === 502 || code === 'unreachable';
}

function pauseMsAfter({ retryAfterSeconds }: ServiceError, tries: number): number {
  return retryAfterSeconds === undefined ? Math.min(pauseMsFirst * 2 ** tries, pauseMsMax) : retryAfterSeconds * 1000;
}

/** Sends a request of a call. */
export type Send = (path: string, message: Message) => Promise<Reply>;

export class Transport {
  readonly #base: URL;
  readonly #options: ClientOptions;

  constructor(url: string | URL, options: ClientOptions) {
    this.#base = new URL(url);
    // What is below a path stays below it.
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/';
    this.#options = options;
  }

  /** For all requests of a call, which is made now. */
  forCall(options: CallOptions): Send {
    const propagated: Record<string, string> = {};
    // Not later: in a browser the context that is active now is lost at the first await.
    this.#options.propagate?.(propagated);
    return (path, message) => this.#send(path, { ...message, headers: { ...propagated, ...message.headers } }, options);
  }

  /**
   * Sends a request, and sends it again after a 503, as Retry-After says, and after a lost connection.
   *
   * @throws {ServiceError}, or the reason of the signal
   */
  async #send(path: string, message: Message, { signal, timeoutMs }: CallOptions): Promise<Reply> {
    const retries = this.#options.retries ?? retriesDefault;
    const endMs = performance.now() + (timeoutMs ?? this.#options.timeoutMs ?? timeoutMsDefault);
    for (let tries = 0; ; tries++) {
      try {
        return await this.#try(path, message, signal, endMs);
      } catch (error) {
        if (!(error instanceof ServiceError) || tries >= retries || !isWorthAnotherTry(error)) throw error;
        const pauseMs = pauseMsAfter(error, tries) * (1 + jitter * Math.random());
        if (performance.now() + pauseMs >= endMs) throw error;
        await pause(pauseMs, signal);
      }
    }
  }

  async #try(path: string, message: Message, signal: AbortSignal | undefined, endMs: number): Promise<Reply> {
    signal?.throwIfAborted();
    const leftMs = Math.min(endMs - performance.now(), timerMsMax);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), leftMs);
    const follow = () => abort.abort();
    signal?.addEventListener('abort', follow);
    try {
      const response = await this.#fetch(path, message, abort.signal, leftMs);
      const bytes = await response.arrayBuffer();
      if (response.ok) return { headers: response.headers, bytes };
      throw errorOf(response, new TextDecoder().decode(bytes));
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      signal?.throwIfAborted();
      if (abort.signal.aborted) throw new ServiceError('timeout', 'the service did not answer in time');
      const text = `the connection to ${this.#base.host} failed or was lost`;
      throw new ServiceError('unreachable', text, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', follow);
    }
  }

  #fetch(path: string, { body, headers }: Message, signal: AbortSignal, leftMs: number): Promise<Response> {
    const { apiKey, fetch: send = globalThis.fetch, headers: own } = this.#options;
    return send(new URL(path, this.#base), {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        ...(body !== undefined && { 'x-deadline-ms': String(Math.max(1, Math.floor(leftMs))) }),
        ...own,
        ...headers,
      },
      ...(body !== undefined && { body: body as BodyInit }),
      signal,
    });
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
  });
}
