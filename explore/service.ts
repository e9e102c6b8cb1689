/** Asks the service, and puts what went wrong into words for the reader. */
import { Client, ServiceError } from '@gumbel-sampler/client';
import { apiKey, askForKey } from './api-key.js';
import type { ServiceRequest } from './requests.js';

/** The fields of replies that the page reads. */
export interface Reply {
  readonly samples: never;
  readonly indices: never;
  readonly noise: never;
  readonly log_prob: readonly (number | null)[];
  readonly grad_logits: readonly (readonly number[])[];
  readonly temperature: number;
  readonly noise_version: string;
}

/** Something to tell the reader: its message is a sentence or two. */
export class Unanswered extends Error {}

/** JSON, as the commands that the page shows send it. The reader tries again, with a button. */
export async function post({ path, body }: ServiceRequest, signal: AbortSignal): Promise<Reply> {
  const key = apiKey();
  const client = new Client(new URL('.', document.baseURI), { retries: 0, ...(key !== undefined && { apiKey: key }) });
  try {
    return await client.post<Reply>(path, body, { signal });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.status === 401) askForKey();
    throw new Unanswered(inWords(error));
  }
}

function inWords({ status, title, detail, errors, retryAfterSeconds }: ServiceError): string {
  if (status === 0) return 'The service does not answer. Is it running, and are you online?';
  const [first] = errors;
  const what = first ? `${first.pointer.replace(/^\//, '') || 'The request'} ${first.message}` : detail;
  const wait = retryAfterSeconds === undefined ? '' : ` Try again in ${retryAfterSeconds} s.`;
  return `${title}: ${what}.`.replace(/\.\.$/, '.') + wait;
}
