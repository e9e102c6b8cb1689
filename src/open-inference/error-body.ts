/** The error format of the Open Inference Protocol. */
import type { Problem } from '../errors.js';
import { type ErrorForm, traceMembers } from '../http/problem-writer.js';
import type { TraceIds } from '../http/trace-context.js';
import { shownText } from '../json/shown-text.js';

const v2Path = /^\/v2(?:[/?]|$)/;

export const inferErrors: ErrorForm = {
  isFor: (target) => v2Path.test(target),
  // KServe's client reads an error only if Content-Type is exactly this.
  mediaType: 'application/json',
  bodyOf: inferErrorOf,
};

/** Clients show only the text of `error`, so it includes the code and the field errors. */
function inferErrorOf({ code, message, errors }: Problem, requestId: string, trace: TraceIds | undefined): string {
  // A pointer to an unknown field contains the client's own text, and terminals show this text: escape it.
  const fieldTexts = errors
    .map((error) => `${shownText(error.pointer, 256) || 'the request'} ${error.message}`)
    .join('; ');
  const error = `${code}: ${fieldTexts || message}`;
  return JSON.stringify({ error, code, request_id: requestId, ...traceMembers(trace), errors });
}
