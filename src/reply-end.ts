/**
 * The end of a reply: it is out, or its client has gone. Whatever a request keeps is given back then, so the end has to come for every
 * reply, and once. Node's 'close' alone is not enough: who listens after it waits for ever, and of several requests sent ahead on
 * one connection (pipelining) only the first hears that the connection is lost.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The replies of a connection somebody waits for, in the order of their requests: one, unless some were sent ahead. */
const repliesOf = new WeakMap<Socket, ServerResponse[]>();

/** What to call when a reply is over. One listener for all of them: every reply has several, and listeners cost more than the calls. */
const ends = Symbol('ends');

/** Calls `end` when the reply is over; at once, if it is already. */
export function whenOver(reply: ServerResponse & { [ends]?: (() => void)[] }, end: () => void): void {
  if (reply.destroyed) {
    end();
  } else if (reply[ends]) {
    reply[ends].push(end);
  } else {
    const own = [end];
    reply[ends] = own;
    closeWithItsConnection(reply, () => {
      for (const each of own) each();
    });
  }
}

/** Closes a reply whose turn never came when its connection is lost; `closed` is called when it has closed, for whatever reason. */
function closeWithItsConnection(reply: ServerResponse, closed: () => void): void {
  const { socket } = reply.req;
  const replies = repliesOf.get(socket) ?? repliesOn(socket);
  replies.push(reply);
  reply.once('close', () => {
    replies.splice(replies.indexOf(reply), 1);
    closed();
  });
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
