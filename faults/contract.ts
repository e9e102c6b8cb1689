/**
 * What any reply of the service must be, whatever was asked: an answer, or an error of the catalogue with the status of
 * its code, at most 4 KiB, in the form of its path, with Retry-After where the catalogue has it, and without a word of
 * the request but for its own x-request-id and the names of fields that are not known.
 */
import { isProblemCode, problemKind } from '../src/errors.js';
import { inferError } from '../src/open-inference/reply.js';
import { problemBody } from '../src/schemas/problem.js';
import { canary } from './mutate/body.js';
import { headerOf, type WireReply } from './wire.js';

const strictProblem = problemBody.strict();
const strictInferError = inferError.strict();
const errorBytesMax = 4096;

/**
 * How a reply was judged: the code of an error or the status of an answer, and what is wrong with it if anything is.
 */
export interface Verdict {
  readonly kind: string;
  readonly wrong: string | undefined;
}

export function judge(reply: WireReply, method: string): Verdict {
  const { status } = reply;
  if (status < 400) return { kind: String(status), wrong: method === 'HEAD' ? undefined : wrongAnswer(reply) };
  if (method === 'HEAD') return { kind: String(status), wrong: status === 500 ? 'a 500' : undefined };
  if (reply.body.length === 0) return { kind: String(status), wrong: 'an error without a body' };
  try {
    return judgeError(reply);
  } catch (error) {
    return { kind: String(status), wrong: `an error whose body cannot be read: ${(error as Error).message}` };
  }
}

function wrongAnswer(reply: WireReply): string | undefined {
  const type = headerOf(reply, 'content-type') ?? '';
  if (reply.status === 302) return headerOf(reply, 'location') ? undefined : 'a redirection to nowhere';
  if (reply.status !== 200) return `status ${reply.status}`;
  const jsonLength = headerOf(reply, 'inference-header-content-length');
  if (!type.startsWith('application/json') && jsonLength === undefined) return undefined;
  try {
    JSON.parse(reply.body.toString('utf8', 0, jsonLength === undefined ? reply.body.length : Number(jsonLength)));
    return undefined;
  } catch {
    return 'an answer that is no JSON';
  }
}

/** What an error says of a field that is not known, whose name it may repeat, cut and escaped. */
const ofUnknownField = /^"(?:[^"\\]|\\.)*" is not a field here/;
const pointedUnknownField = /\/[^;]*? "(?:[^"\\]|\\.)*" is not a field here/g;

/** The text of an error without its id, and without such names. */
function withoutNames(body: Readonly<Record<string, unknown>>): string {
  const errors = body.errors as readonly { readonly message: string }[];
  return JSON.stringify({
    ...body,
    error: String(body.error ?? '').replaceAll(pointedUnknownField, ''),
    errors: errors.filter(({ message }) => !ofUnknownField.test(message)),
    request_id: '',
    instance: '',
  });
}

function judgeError(reply: WireReply): Verdict {
  const body = JSON.parse(reply.body.toString()) as Record<string, unknown>;
  const isProblem = headerOf(reply, 'content-type')?.startsWith('application/problem+json') ?? false;
  const code = isProblem ? String(body.type).replace('/problems/', '') : String(body.code);
  if (!isProblemCode(code)) return { kind: String(reply.status), wrong: `the code ${code}` };
  const { status, retryAfterSeconds } = problemKind(code);
  const wrongs = [
    reply.status === 500 && 'a 500',
    reply.status !== status && `status ${reply.status}, not the ${status} of its code`,
    reply.body.length > errorBytesMax && `${reply.body.length} bytes`,
    isProblem && !strictProblem.safeParse(body).success && 'a problem of another form',
    !isProblem && !strictInferError.safeParse(body).success && 'an error of another form',
    retryAfterSeconds !== undefined && headerOf(reply, 'retry-after') === undefined && 'no Retry-After',
    withoutNames(body).includes(canary) && 'words of the request',
  ];
  return { kind: code, wrong: wrongs.filter(Boolean).join(', ') || undefined };
}
