/**
 * Has Node's HTTP parser count the bytes of a body without a look at them. For each piece of a body it calls
 * `parserOnBody` with a copy in memory of its own; without a function in that place it makes none
 * (https://github.com/nodejs/node/blob/v24.11.0/src/node_http_parser.cc, on_body). It can go once Node hands over
 * bodies uncopied.
 */
import type { Socket } from 'node:net';

/** HTTPParser.kOnBody of Node's binding `http_parser`, which is not public. */
const kOnBody = 3;

interface Parser {
  [kOnBody]: unknown;
}

/**
 * Whether this version of Node has it there; where not, the parser copies, and the stream of the request drops the
 * copies.
 */
function isOnBody(listener: unknown): boolean {
  return typeof listener === 'function' && listener.name === 'parserOnBody';
}

/** Calls `parse`, which has the parser of `socket` parse some of a body. */
export function parsedUnseen(socket: Socket, parse: () => void): void {
  const { parser } = socket as Socket & { readonly parser?: Parser | null };
  const onBody = parser?.[kOnBody];
  if (!parser || !isOnBody(onBody)) {
    parse();
    return;
  }
  // Parsers are used again for other connections: nothing may stay.
  parser[kOnBody] = null;
  try {
    parse();
  } finally {
    parser[kOnBody] = onBody;
  }
}
