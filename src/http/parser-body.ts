/**
 * Makes Node's HTTP parser skip the bytes of a body. For each piece of a body the parser calls `parserOnBody` with a
 * copy; without a function in that slot it makes no copy
 * (https://github.com/nodejs/node/blob/v24.11.0/src/node_http_parser.cc, on_body). Node.js 26 remembers the function
 * from the first body of a connection that was copied: later ones are copied, too, and the request's stream drops the
 * copies. Can go when Node hands over bodies without a copy (https://github.com/nodejs/node/pull/52176).
 */
import type { Socket } from 'node:net';

/** HTTPParser.kOnBody of Node's binding `http_parser`, which is not public. */
const kOnBody = 3;

interface Parser {
  [kOnBody]: unknown;
}

/** Whether this version of Node has the slot. If not, the parser copies, and the request's stream drops the copies. */
function isOnBody(listener: unknown): boolean {
  return typeof listener === 'function' && listener.name === 'parserOnBody';
}

/** Calls `parse`, which passes bytes of a body to the parser of `socket`. */
export function parsedUnseen(socket: Socket, parse: () => void): void {
  const { parser } = socket as Socket & { readonly parser?: Parser | null };
  const onBody = parser?.[kOnBody];
  if (!parser || !isOnBody(onBody)) {
    parse();
    return;
  }
  // Node reuses parsers for other connections, so the slot is restored.
  parser[kOnBody] = null;
  try {
    parse();
  } finally {
    parser[kOnBody] = onBody;
  }
}
