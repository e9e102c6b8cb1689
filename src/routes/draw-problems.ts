/** Maps the sampler's errors to the problems that clients receive. */
import { Problem, type ProblemCode } from '../errors.js';
import { DrawError, queueFull } from '../sampler/draw-error.js';

/** Codes that every route with logits can reply. */
export const logitsCodes: readonly ProblemCode[] = [
  'malformed-json',
  'bad-request',
  'expectation-failed',
  'unauthenticated',
  'request-timeout',
  'body-too-large',
  'too-many-elements',
  'too-much-work',
  'unsupported-media-type',
  'validation',
  'non-finite-logits',
  'all-masked-row',
  'ragged-rows',
  'empty-input',
  'temperature-out-of-range',
  'quota-exceeded',
  'internal',
  'overloaded',
  'worker-lost',
  'deadline-exceeded',
];

/** Shared by all refusals, as `queueFull` is: capturing a stack trace for each would cost more than the refusal. */
const queueFullProblem = new Problem('overloaded', queueFull.message);

export function problemOf(error: DrawError): Problem {
  if (error === queueFull) return queueFullProblem;
  const { code, message, remedy } = error;
  if (code === 'too-many-elements') {
    return new Problem(code, message, [
      { pointer: '', message: `costs more than ${remedy.unitsMax} elements of noise` },
    ]);
  }
  if (code === 'too-much-work') return new Problem(code, `${message} ${splitAdvice(error)}`);
  return new Problem(code, message, [], remedy.retryAfterSeconds);
}

function splitAdvice({ remedy: { draws, drawsInTime } }: DrawError): string {
  return draws === 1
    ? 'A row cannot be split: ask for fewer outputs, or for a later deadline.'
    : `Split it into requests of at most ${drawsInTime} rows x samples; row_offset and sample_offset continue the draw with the same noise.`;
}

/** The problem of a `DrawError`; any other error is returned unchanged. */
export function asProblem(error: unknown): unknown {
  return error instanceof DrawError ? problemOf(error) : error;
}
