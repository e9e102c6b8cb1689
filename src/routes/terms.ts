/** For whom a request is drawn, and for how long: until its deadline, while its client is there. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import type { Terms } from '../sampler/job.js';

export interface DeadlineLimit {
  /** Longest time from a request's last byte to the end of its draw; a client may ask for less. */
  readonly deadlineMs: number;
}

/**
 * The terms of a request whose body has been read. A client shortens the deadline with the header x-deadline-ms; a
 * longer one than the service's changes nothing.
 *
 * @param wantedMs what the body asked for, if it can
 * @throws {Problem} `bad-request` when the header is no whole number of milliseconds
 */
export function termsOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { deadlineMs }: DeadlineLimit,
  wantedMs = Number.POSITIVE_INFINITY,
): Terms {
  const header = request.headers['x-deadline-ms'];
  const headerMs = header === undefined ? Number.POSITIVE_INFINITY : wholeMs(header);
  return {
    deadlineAtMs: performance.now() + Math.min(deadlineMs, headerMs, wantedMs),
    isGone: () => reply.raw.destroyed,
    // Whoever has a key is one caller on all connections; without keys a connection is one.
    caller: request.caller ?? request.raw.socket,
    begunDraws: 0,
  };
}

function wholeMs(header: string | string[]): number {
  if (typeof header === 'string' && /^[1-9]\d{0,14}$/.test(header)) return Number(header);
  throw new Problem('bad-request', 'The header x-deadline-ms must be a whole number of milliseconds, at least 1.');
}
