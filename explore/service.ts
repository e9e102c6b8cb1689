/** Asks the service, and puts what went wrong into words for the reader. */
import { askForKey, keyHeaders } from './api-key.js';
import type { ServiceRequest } from './requests.js';

/** The fields of replies that the page reads. */
export interface Reply {
  readonly samples: never;
  readonly indices: never;
  readonly log_prob: readonly (number | null)[];
  readonly grad_logits: readonly (readonly number[])[];
  readonly temperature: number;
}

interface ProblemReply {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
}

/** Something to tell the reader: its message is a sentence or two. */
export class Unanswered extends Error {}

export async function post({ path, body }: ServiceRequest, signal: AbortSignal): Promise<Reply> {
  const headers = { 'content-type': 'application/json', ...keyHeaders() };
  const init = { method: 'POST', headers, body: JSON.stringify(body), signal };
  const response = await fetch(path, init).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Unanswered('The service does not answer. Is it running, and are you online?');
  });
  if (response.ok) return (await response.json()) as Reply;
  if (response.status === 401) askForKey();
  const problem: ProblemReply = await response.json().catch(() => ({}));
  throw new Unanswered(inWords(problem, response));
}

function inWords({ title, detail, errors = [] }: ProblemReply, { status, headers }: Response): string {
  const [first] = errors;
  const what = first ? `${first.pointer.replace(/^\//, '') || 'The request'} ${first.message}` : detail;
  const seconds = headers.get('retry-after');
  const wait = seconds === null ? '' : ` Try again in ${seconds} s.`;
  return `${title ?? `The service answered ${status}`}: ${what ?? 'it does not say why'}.`.replace(/\.\.$/, '.') + wait;
}
