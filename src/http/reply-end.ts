/**
 * The end of a reply: it is out, or its client has gone. Whatever a request keeps is given back then, so the end has to
 * come for every reply, and once. Node's 'close' alone is not enough: who listens after it waits for ever.
 */
import type { ServerResponse } from 'node:http';

/**
 * What to call when a reply is over. One listener for all of them: every reply has several, and listeners cost more
 * than the calls.
 */
const ends = Symbol('ends');

type Ending = ServerResponse & { [ends]?: ((reply: ServerResponse) => void)[] };

/** Calls `end` when the reply is over; at once, if it is already. */
export function whenOver(reply: Ending, end: (reply: ServerResponse) => void): void {
  if (reply.destroyed) {
    end(reply);
  } else if (reply[ends]) {
    reply[ends].push(end);
  } else {
    reply[ends] = [end];
    reply.on('close', callEnds);
  }
}

function callEnds(this: Ending): void {
  for (const end of this[ends] ?? []) end(this);
}
