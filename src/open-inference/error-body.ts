/** Errors of the Open Inference Protocol, which has a form of its own for them. */
import type { Problem } from '../errors.js';
import type { ErrorForm } from '../http/problem-writer.js';
import { shownText } from '../json/shown-text.js';

const underV2 = /^\/v2(?:[/?]|$)/;

export const inferErrors: ErrorForm = {
  isFor: (target) => underV2.test(target),
  // KServe's client reads an error only if its media type is this and no more.
  mediaType: 'application/json',
  bodyOf: inferErrorOf,
};

/** The clients show the text of `error`, so that says it all. */
function inferErrorOf({ code, message, errors }: Problem, requestId: string): string {
  // A pointer to an unknown field has its name, which is the client's own, and this text is shown in terminals.
  const fields = errors.map((error) => `${shownText(error.pointer, 256) || 'the request'} ${error.message}`).join('; ');
  const error = `${code}: ${fields || message}`;
  return JSON.stringify({ error, code, request_id: requestId, errors });
}
