/** Why a call failed: the one class of errors that this client makes of replies, and of replies that do not come. */
import { catalogue, isProblemCode } from '../../../src/errors.js';

/** A mistake in a field of a request. */
export interface FieldError {
  /** RFC 6901 JSON pointer into the request that was sent, such as /parameters/temperature. */
  readonly pointer: string;
  readonly message: string;
}

interface Details {
  readonly status?: number;
  readonly title?: string | undefined;
  readonly errors?: readonly FieldError[];
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Which part of a call it was, as the end of the message. */
  readonly place?: string;
  readonly cause?: unknown;
}

/** What the client itself says, beside the codes of the service (docs/errors.md). */
const ownRemedies: Readonly<Record<string, string>> = {
  unreachable: 'Check the address, and that the service runs.',
  timeout: 'Allow more time with timeoutMs, or ask for less in one call.',
  'noise-version-changed': 'Let all replicas run one version, and draw again.',
};

/** Its message has the code, and the fields or the detail. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /**
   * A code of the service; or `unreachable`, `timeout`, `noise-version-changed`, or `http-502` and the like where
   * something in front of the service answered.
   */
  readonly code: string;
  /** HTTP status; 0 where there was no reply. */
  readonly status: number;
  /** The code in words. */
  readonly title: string;
  /** What happened. */
  readonly detail: string;
  /** What is wrong, and where; empty where the detail says everything. */
  readonly errors: readonly FieldError[];
  /** What to do instead. */
  readonly remedy: string | undefined;
  /** The id under which the log of the service has the request. */
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, detail: string, details: Details = {}) {
    const { status = 0, errors = [], requestId, retryAfterSeconds, place = '', cause } = details;
    const fields = errors.map(({ pointer, message }) => `${pointer || 'the request'} ${message}`).join('; ');
    super(`${code}: ${fields || detail}${place}`, cause === undefined ? undefined : { cause });
    const known = isProblemCode(code) ? catalogue[code] : undefined;
    this.code = code;
    this.status = status;
    this.title = details.title ?? known?.title ?? (status === 0 ? 'No answer' : `The service answered ${status}`);
    this.detail = detail;
    this.errors = errors;
    this.remedy = known?.remedy ?? ownRemedies[code];
    this.requestId = requestId;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The members of both forms of an error: application/problem+json, and that of the Open Inference Protocol. */
interface ErrorBody {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly error?: unknown;
  readonly errors?: unknown;
  readonly request_id?: unknown;
}

/** The error that a reply is, whoever sent it. */
export function errorOf({ status, statusText, headers }: Response, text: string): ServiceError {
  let body: ErrorBody = {};
  try {
    body = (JSON.parse(text) ?? {}) as ErrorBody;
  } catch {
    // A gateway in front of the service sent a page.
  }
  const { title, errors, request_id: requestId } = body;
  const code = typeof body.code === 'string' ? body.code : `http-${status}`;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return new ServiceError(code, detailOf(body, code) ?? `${status} ${statusText}`.trim(), {
    status,
    title: typeof title === 'string' ? title : undefined,
    errors: Array.isArray(errors) ? (errors as FieldError[]) : [],
    requestId: typeof requestId === 'string' ? requestId : (headers.get('x-request-id') ?? undefined),
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
  });
}

/** The Open Inference Protocol has one text, which begins with the code. */
function detailOf({ error, detail }: ErrorBody, code: string): string | undefined {
  if (typeof detail === 'string') return detail;
  if (typeof error !== 'string') return undefined;
  return error.startsWith(`${code}: `) ? error.slice(code.length + 2) : error;
}
