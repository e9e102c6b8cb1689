/** What became of the requests of a window. A reply is right when it is one of those expected, to the byte. */
import type { Answer } from '../wire.js';
import { isReply } from '../wire.js';
import type { OutcomeRecord } from './records.js';
import type { SoakRequest } from './requests.js';

const refusals = ['503 overloaded', '504 deadline-exceeded'];

/** A status, with the code of a problem: `503 overloaded`; or how the connection ended. */
function told(answer: Answer): string {
  if (!isReply(answer)) return answer.closed;
  if (answer.status < 400) return String(answer.status);
  const code = /"code":"([a-z-]+)"/.exec(answer.body.toString())?.[1];
  return code === undefined ? String(answer.status) : `${answer.status} ${code}`;
}

export class Outcomes {
  /** The first reply to each repeated request, by its name; services that are compared share it. */
  readonly #firstReplies: Map<string, Buffer>;
  #right = 0;
  #refused = 0;
  #lost: Record<string, number> = {};
  #wrong: Record<string, number> = {};

  constructor(firstReplies: Map<string, Buffer>) {
    this.#firstReplies = firstReplies;
  }

  count({ name, expected, isRepeated }: SoakRequest, answer: Answer): void {
    const what = told(answer);
    if (!isReply(answer)) this.#add(this.#lost, `${name}: ${what}`);
    else if (expected.includes(what)) {
      if (isRepeated && what === '200' && !this.#isSame(name, answer.body)) {
        this.#add(this.#wrong, `${name}: other bytes than at first`);
      } else this.#right += 1;
    } else if (refusals.includes(what)) this.#refused += 1;
    else this.#add(this.#wrong, `${name}: ${what}`);
  }

  /** What has been counted since it was last taken. */
  take(): Pick<OutcomeRecord, 'right' | 'refused' | 'lost' | 'wrong'> {
    const taken = { right: this.#right, refused: this.#refused, lost: this.#lost, wrong: this.#wrong };
    this.#right = 0;
    this.#refused = 0;
    this.#lost = {};
    this.#wrong = {};
    return taken;
  }

  #isSame(name: string, body: Buffer): boolean {
    const first = this.#firstReplies.get(name);
    // A copy, since the bytes may lie in a buffer of megabytes.
    if (!first) this.#firstReplies.set(name, Buffer.from(body));
    return first === undefined || first.equals(body);
  }

  #add(counts: Record<string, number>, what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }
}
