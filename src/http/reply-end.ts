/**
 * The end of a reply: it has been sent, or its client has disconnected. The request's memory is freed then, so the end
 * must come exactly once for every reply. Node emits 'close' once
 * (https://github.com/nodejs/node/blob/v20.20.2/lib/_http_server.js#L1015-L1020), and a listener added after it is never
 * called.
 */
import type { ServerResponse } from 'node:http';

/** The callbacks of each reply, called by one listener: several listeners would cost more than the calls. */
const ends = Symbol('ends');

type Ending = ServerResponse & { [ends]?: ((reply: ServerResponse) => void)[] };

/** Calls `end` when the reply is over; at once, if it already is. */
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
