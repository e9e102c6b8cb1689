/**
 * The log: JSON lines by pino on stdout. It never makes a request wait: lines are written in the background, and when
 * nobody reads stdout they are kept up to a limit, then dropped and counted, and the count is logged once lines flow
 * again. Bodies, headers and keys are not logged anywhere; redaction is there for the day somebody forgets.
 */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';

/** Bytes of lines kept while stdout stalls: about 4,000 lines. */
const bufferBytesMax = 2 ** 20;

/** The kernel writes no more than this to a pipe without a line of another process in between (pipe(7), PIPE_BUF). */
const pipeBytes = 4096;

/** How long the end of the process waits for the last lines. A reader that stalls for longer does not get them. */
const closeMs = 1000;

export interface LogOptions {
  readonly level: string;
  /** File descriptor the lines go to. */
  readonly fd: number;
  /** Number of this process among those of the service, which its lines say; undefined where there is one. */
  readonly process?: number | undefined;
  /** Called for each line that is dropped. */
  readonly lineDropped: () => void;
}

export interface Log {
  readonly logger: Logger;
  /**
   * Writes what is left and ends the log; what is logged later is lost. Every call gets the same promise, which never
   * rejects and resolves within a second to whether everything was written. If not, a write may still hold a thread,
   * and the process does not end by itself.
   */
  readonly close: () => Promise<boolean>;
}

const redact = {
  paths: ['authorization', '*.authorization', '*.*.authorization'],
  censor: '[redacted]',
};

export function openLog({ level, fd, lineDropped, process }: LogOptions): Log {
  // pino's own destination writes the rest synchronously when the process exits, for ever if nobody reads: autoEnd in
  // https://github.com/pinojs/pino/blob/v10.4.0/lib/tools.js#L302-L321. Can go when pino limits that time.
  const shared = process !== undefined && { maxWrite: pipeBytes };
  const destination = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: bufferBytesMax, ...shared });
  let closed: Promise<boolean> | undefined;
  // pino gets nothing but `write`: with a `flushSync` it would write fatal lines synchronously, which is for ever if
  // nobody reads (https://github.com/pinojs/pino/blob/v10.4.0/lib/levels.js). And a stream that has ended throws.
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
    logger.warn({ lines }, 'log lines were dropped, because nobody read stdout');
  });
  // The reader has gone, or the disk is full: what is kept is tried again with the next line.
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
