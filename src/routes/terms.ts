/** The terms of a request's draw: its caller, its deadline, and whether its client is still connected. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import type { Terms } from '../sampler/job.js';

export interface DeadlineLimit {
  /** Longest time from a request's last byte to the end of its draw; a client may shorten it. */
  readonly deadlineMs: number;
}

/**
 * The terms of a request whose body has been read. The header x-deadline-ms can only shorten the service's deadline.
 *
 * @param bodyDeadlineMs deadline that the body asks for, in milliseconds
 * @throws {Problem} `bad-request` if the header is not a whole number of milliseconds
 */
export function termsOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { deadlineMs }: DeadlineLimit,
  bodyDeadlineMs = Number.POSITIVE_INFINITY,
): Terms {
  const header = request.headers['x-deadline-ms'];
  const headerMs = header === undefined ? Number.POSITIVE_INFINITY : wholeMs(header);
  return {
    deadlineAtMs: performance.now() + Math.min(deadlineMs, headerMs, bodyDeadlineMs),
    isGone: () => reply.raw.destroyed,
    // With keys, a caller is a key on all of its connections; without keys, a caller is a connection.
    caller: request.caller ?? request.raw.socket,
    begunDraws: 0,
    trace: request.trace,
  };
}

function wholeMs(header: string | string[]): number {
  if (typeof header === 'string' && /^[1-9]\d{0,14}$/.test(header)) return Number(header);
  throw new Problem('bad-request', 'The header x-deadline-ms must be a whole number of milliseconds, at least 1.');
}
