/**
 * The catalogue of every error that a client can get: its code, HTTP status, title, meaning and remedy. Routes and
 * schemas throw `Problem`s by code, `error-replies.ts` turns them into replies, and `GET /problems/{code}` explains
 * them.
 */

export interface ProblemKind {
  /** HTTP status of a reply that carries this code. */
  readonly status: number;
  readonly title: string;
  /** What happened, for a reader who sees the code for the first time. */
  readonly meaning: string;
  /** What to send instead, or what to change. */
  readonly remedy: string;
  /** Seconds a client should wait before it tries again, sent as Retry-After. */
  readonly retryAfterSeconds?: number;
}

export const catalogue = {
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON',
    meaning:
      'The body is empty, is not UTF-8, or breaks the JSON grammar (RFC 8259). NaN and Infinity are not JSON. The detail says at which byte, counted from 0.',
    remedy: 'Send one JSON object in UTF-8. Write a masked category as null.',
  },
  'malformed-binary': {
    status: 400,
    title: 'The binary body does not match its header',
    meaning:
      'Inference-Header-Content-Length is not a whole number or is larger than the body, or the tensors take more or fewer bytes than follow the JSON.',
    remedy:
      'Send the JSON, as many bytes as the header says, then the bytes of each tensor in the order of the inputs, without padding.',
  },
  'shape-size-mismatch': {
    status: 400,
    title: 'A tensor does not have the size of its shape',
    meaning: 'The number of elements or bytes of a tensor does not match its shape and datatype.',
    remedy: 'Send a shape whose product is the number of elements, and binary_data_size in bytes.',
  },
  'bad-request': {
    status: 400,
    title: 'The HTTP request is malformed',
    meaning: 'The request line, a header or the length of the body breaks HTTP/1.1.',
    remedy: 'Use an HTTP client library, and let it set Content-Length.',
  },
  unauthenticated: {
    status: 401,
    title: 'The API key is missing or unknown',
    meaning:
      'This service draws only for clients with an API key. The request has no key, or one that the service does not know.',
    remedy: 'Send the header Authorization: Bearer and your key. The operator of the service issues keys.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing at this path',
    meaning: 'No route has this path.',
    remedy: 'See /docs for the routes of this service.',
  },
  'unknown-model': {
    status: 404,
    title: 'There is no such model',
    meaning: 'The path names a model or a version that this service does not have.',
    remedy: 'Use gumbel_softmax, gumbel_softmax_vjp or gumbel_softmax_log_prob, with version 1 or none.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not support this method',
    meaning: 'The path exists, but not for the method of the request.',
    remedy: 'Use a method from the Allow header of the reply.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request came too slowly',
    meaning: 'The headers or the body were not complete in time.',
    remedy: 'Send the whole request without pauses.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    meaning:
      'JSON has more bytes than JSON_BODY_BYTES_MAX, or a body with binary tensors more than BINARY_BODY_BYTES_MAX. Outside the arrays of numbers, seeds and flags, JSON may have at most 64 KiB and 256 values.',
    remedy:
      'Send fewer rows or samples in each request: row_offset and sample_offset continue the draw with the same noise. Or send binary tensors (/v2), which are smaller than JSON numbers.',
  },
  'too-many-elements': {
    status: 413,
    title: 'The draw is too large',
    meaning:
      'Rows, categories, samples, elements returned or the work of the draw (ELEMENTS_DRAWN_MAX) are above a limit of this service.',
    remedy:
      'Split the draw into smaller requests: row_offset and sample_offset continue it with the same noise. If you need no samples, ask only for indices.',
  },
  'too-much-work': {
    status: 413,
    title: 'The draw cannot be done by its deadline',
    meaning:
      'Even on an idle replica, the draw would take longer than DEADLINE_MS, or than the x-deadline-ms of the request. The detail says how long it takes and how much fits.',
    remedy:
      'Split the draw into smaller requests: row_offset and sample_offset continue it with the same noise. Ask only for the outputs you need, or for a later deadline.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This route does not read this media type',
    meaning:
      'Content-Type is missing or not application/json in UTF-8 (under /v2 it may be missing or application/octet-stream), or the body has a Content-Encoding other than identity.',
    remedy: 'Send Content-Type: application/json, and the body uncompressed.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The expectation of the request cannot be met',
    meaning: 'The Expect header has a value other than 100-continue.',
    remedy: 'Leave Expect out, or send Expect: 100-continue.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    meaning: 'The request line and headers have more bytes than HEADER_BYTES_MAX.',
    remedy: 'Send smaller headers; cookies are not needed.',
  },
  validation: {
    status: 422,
    title: 'A field is wrong',
    meaning: 'A field is missing, unknown, of the wrong type, outside its bounds, or an array has the wrong length.',
    remedy: 'Fix the fields that `errors` points at; /docs lists every field.',
  },
  'non-finite-logits': {
    status: 422,
    title: 'A logit is not finite',
    meaning:
      'A logit is infinite in float32: its magnitude is above 3.4028235e38. Or a logit in a binary tensor is NaN or +infinity. With masks: "refuse", masked categories are errors too: null in JSON, which is how JSON.stringify writes NaN and Infinity, and -infinity in a binary tensor.',
    remedy: 'Send finite logits. Write a category that must never be drawn as null, in a binary tensor as -infinity.',
  },
  'all-masked-row': {
    status: 422,
    title: 'A row has no category left to draw',
    meaning: 'Every logit of a row is null, or -infinity in a binary tensor.',
    remedy: 'Leave at least one finite logit in each row.',
  },
  'ragged-rows': {
    status: 422,
    title: 'The rows have different lengths',
    meaning: 'Every row of logits must have the same number of categories.',
    remedy: 'Pad the shorter rows with null, or send one request for each length.',
  },
  'empty-input': {
    status: 422,
    title: 'There are no logits',
    meaning: 'logits has no row, or its rows have no category.',
    remedy: 'Send at least one row with at least one category.',
  },
  'temperature-out-of-range': {
    status: 422,
    title: 'The temperature is out of range',
    meaning: 'A temperature is not between 1e-6 and 1e6.',
    remedy:
      'For exact one-hot samples send hard: true with any temperature; for the most likely category send noise: "none", hard: true.',
  },
  'invalid-seed': {
    status: 422,
    title: 'The seed is not valid',
    meaning: 'A seed is an integer from 0 to 2^53 - 1, or a string of decimal digits from 0 to 2^64 - 1.',
    remedy: 'Send seeds above 2^53 - 1 as a string, because JSON numbers lose digits there.',
  },
  'zero-sample': {
    status: 422,
    title: 'A sample is 0 at an unmasked category',
    meaning:
      'The log-density exists only for samples inside the simplex. A 0 has underflowed, or belongs to a hard sample.',
    remedy: 'Send log_samples, which do not underflow: ask for them with return: ["log_samples"] when you draw.',
  },
  'not-on-simplex': {
    status: 422,
    title: 'A sample does not lie on the simplex',
    meaning: 'A sample has a negative entry, or its entries do not sum to 1 within 1e-3.',
    remedy: 'Send soft samples as they were drawn, one row for each row of logits.',
  },
  'gradient-overflow': {
    status: 422,
    title: 'The gradient is too large for float32',
    meaning: 'A gradient of a row is larger than 3.4028235e38.',
    remedy:
      'Scale the cotangent down, or raise the temperature: gradients grow as 1 / temperature, and with its square.',
  },
  'quota-exceeded': {
    status: 429,
    title: 'The quota of the API key is used up',
    meaning: 'The key has drawn more than its quota for a minute, counted in elements of noise.',
    remedy: 'Wait as long as Retry-After says, draw less, or ask for a larger quota.',
    retryAfterSeconds: 60,
  },
  internal: {
    status: 500,
    title: 'The service failed',
    meaning: 'This is a bug in the service, not in the request.',
    remedy: 'Report it with the request_id of the reply; the log has the cause under that id.',
  },
  overloaded: {
    status: 503,
    title: 'The service is overloaded',
    meaning:
      'A limit is reached: waiting draws (QUEUE_ELEMENTS_MAX, QUEUE_REQUESTS_MAX), the waiting draws of this client, or the memory of bodies, results and waiting replies (BODY_BYTES_IN_FLIGHT_MAX). Or the draw would not be done by its deadline behind the draws that wait.',
    remedy: 'Wait as long as Retry-After says and send the request again, or add replicas.',
    retryAfterSeconds: 1,
  },
  starting: {
    status: 503,
    title: 'The workers are starting',
    meaning: 'No worker thread can draw yet: the process has just started, or is replacing lost workers.',
    remedy: 'Wait as long as Retry-After says and send the request again.',
    retryAfterSeconds: 1,
  },
  draining: {
    status: 503,
    title: 'The service is stopping',
    meaning: 'The process was asked to stop. It still answers requests, but exits soon.',
    remedy: 'Send new requests to another replica: it answers with the same bits.',
    retryAfterSeconds: 1,
  },
  'worker-lost': {
    status: 503,
    title: 'The worker that drew this batch was lost',
    meaning: 'A worker thread failed while it held the request. The service replaces the worker.',
    remedy: 'Send the request again: the same seed gives the same samples.',
    retryAfterSeconds: 1,
  },
  'deadline-exceeded': {
    status: 504,
    title: 'The draw was not done in time',
    meaning:
      'The draw waited or ran longer than DEADLINE_MS, or than the x-deadline-ms of the request, and was abandoned.',
    remedy: 'Send the request again, ask for less in one request, or add replicas.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof catalogue;

export interface FieldError {
  /** RFC 6901 JSON pointer to the wrong value in the request body, "" for the body itself. */
  readonly pointer: string;
  readonly message: string;
}

/** Most field errors in one reply, so that a reply stays below 4 KiB. */
export const fieldErrorsMax = 10;

/**
 * An error for the client. `detail` and `errors` repeat only two things of the client's input: names of unknown fields,
 * cut and escaped, and the character at which JSON breaks.
 */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];
  /** Seconds that a client should wait before it tries again; undefined if unknown. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    errors: readonly FieldError[] = [],
    retryAfterSeconds: number | undefined = problemKind(code).retryAfterSeconds,
  ) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.errors = errors.slice(0, fieldErrorsMax);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A draw was abandoned because its client disconnected; there is no reply. */
export class CallerGone extends Error {
  constructor() {
    super('The client has disconnected.');
    this.name = 'CallerGone';
  }
}

/** The catalogue entry of a code, widened to the type of all entries. */
export function problemKind(code: ProblemCode): ProblemKind {
  return catalogue[code];
}

/** Whether `text` is a code of the catalogue, and not a property that every object inherits. */
export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(catalogue, text);
}
