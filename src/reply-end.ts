/**
 * The end of a reply: it is out, or its client has gone. Whatever a request keeps is given back then, so the end has to come for every
 * reply, and once. Node's 'close' alone is not enough: who listens after it waits for ever, and of several requests sent ahead on
 * one connection (pipelining) only the first hears that the connection is lost.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Calls `end` when the reply is over; at once, if it is already. */
export function whenOver(reply: ServerResponse, end: () => void): void {
  if (reply.destroyed) end();
  else reply.once('close', end);
}

/** Closes the replies whose turn never came, when the connection of a client of `app` is lost. */
export function closeWaitingReplies(app: FastifyInstance): void {
  const repliesOf = new WeakMap<Socket, Set<ServerResponse>>();
  const repliesOn = (socket: Socket) => {
    const known = repliesOf.get(socket);
    if (known) return known;
    const replies = new Set<ServerResponse>();
    repliesOf.set(socket, replies);
    socket.once('close', () => {
      for (const reply of replies) {
        reply.destroyed = true;
        reply.emit('close');
      }
    });
    return replies;
  };
  app.addHook('onRequest', ({ raw: { socket } }, { raw: reply }, done) => {
    const replies = repliesOn(socket);
    replies.add(reply);
    reply.once('close', () => replies.delete(reply));
    done();
  });
}
