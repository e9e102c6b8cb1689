/**
 * The end of a reply: it is out, or its client has gone. Whatever a request keeps is given back then, so the end has to come for every
 * reply, and once. Node's 'close' alone is not enough: who listens after it waits for ever, and of several requests sent ahead on
 * one connection (pipelining) only the first hears that the connection is lost.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The replies of a connection somebody waits for, in the order of their requests: one, unless some were sent ahead. */
const repliesOf = new WeakMap<Socket, ServerResponse[]>();

/** Marks the replies that are among those of their connection: there can be thousands, too many to look through for each. */
const isAmongThem = Symbol('isAmongThem');

/** Calls `end` when the reply is over; at once, if it is already. */
export function whenOver(reply: ServerResponse, end: () => void): void {
  if (reply.destroyed) {
    end();
    return;
  }
  closeWithItsConnection(reply);
  reply.once('close', end);
}

/** Closes a reply whose turn never came when its connection is lost. */
function closeWithItsConnection(reply: ServerResponse & { [isAmongThem]?: true }): void {
  if (reply[isAmongThem]) return;
  reply[isAmongThem] = true;
  const { socket } = reply.req;
  const replies = repliesOf.get(socket) ?? repliesOn(socket);
  replies.push(reply);
  reply.once('close', () => replies.splice(replies.indexOf(reply), 1));
}

function repliesOn(socket: Socket): ServerResponse[] {
  const replies: ServerResponse[] = [];
  repliesOf.set(socket, replies);
  socket.once('close', () => {
    for (const reply of [...replies]) {
      reply.destroyed = true;
      reply.emit('close');
    }
  });
  return replies;
}
