/**
 * The log: JSON lines by pino on stdout. Lines are written in the background, so that no request waits. While stdout
 * stalls, lines are buffered up to a limit, then dropped and counted; the count is logged when stdout accepts lines
 * again. Nothing logs bodies, headers or keys; redaction is a second safeguard.
 */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';

/** Bytes of lines kept while stdout stalls: about 4,000 lines. */
const bufferBytesMax = 2 ** 20;

/** Writes of up to this size to a pipe are never mixed with those of another process (pipe(7), PIPE_BUF). */
const pipeBytes = 4096;

/** How long the end of the process waits until the last lines are written. */
const closeMs = 1000;

export interface LogOptions {
  readonly level: string;
  /** File descriptor the lines go to. */
  readonly fd: number;
  /** Number of this process, which its lines carry; undefined if the service has only one. */
  readonly process?: number | undefined;
  /** Called for each line that is dropped. */
  readonly lineDropped: () => void;
}

export interface Log {
  readonly logger: Logger;
  /**
   * Writes the buffered lines and closes the log; later lines are lost. Every call returns the same promise. It never
   * rejects, and resolves within a second to whether all lines were written. If not, a write may still occupy a thread,
   * and the process does not exit by itself.
   */
  readonly close: () => Promise<boolean>;
}

const redact = {
  paths: ['authorization', '*.authorization', '*.*.authorization'],
  censor: '[redacted]',
};

export function openLog({ level, fd, lineDropped, process }: LogOptions): Log {
  // pino's own destination writes the rest synchronously at the exit, and hangs if stdout stalls: autoEnd in
  // https://github.com/pinojs/pino/blob/v10.4.0/lib/tools.js#L302-L321. Can go when pino limits that time.
  const destination = new sonicBoom.SonicBoom({
    fd,
    sync: false,
    maxLength: bufferBytesMax,
    ...(process !== undefined && { maxWrite: pipeBytes }),
  });
  let closed: Promise<boolean> | undefined;
  // pino gets a stream with `write` alone: with `flushSync` it would write fatal lines synchronously, and hang if
  // stdout stalls (https://github.com/pinojs/pino/blob/v10.4.0/lib/levels.js#L21-L23). Can go when pino limits that
  // time. A closed stream would throw.
  const write = (line: string) => {
    if (!closed) destination.write(line);
  };
  const root = pino({ level, redact }, { write });
  const logger = process === undefined ? root : root.child({ process });
  let dropped = 0;
  destination.on('drop', () => {
    dropped += 1;
    lineDropped();
  });
  destination.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    logger.warn({ lines }, 'log lines were dropped because stdout stalled');
  });
  // stdout is closed, or the disk is full: the buffered lines are retried with the next line.
  destination.on('error', () => {});
  return { logger, close: () => (closed ??= writeRest(destination)) };
}

function writeRest(destination: sonicBoom.SonicBoom): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (written: boolean) => {
      clearTimeout(giveUp);
      destination.destroy();
      resolve(written);
    };
    const giveUp = setTimeout(settle, closeMs, false);
    destination.once('close', () => settle(true));
    destination.once('error', () => settle(false));
    destination.end();
  });
}
