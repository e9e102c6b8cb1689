/**
 * The log: JSON lines by pino on stdout. It never makes a request wait: lines are written in the background, and when
 * nobody reads stdout they are kept up to a limit, then dropped and counted, and the count is logged once lines flow again.
 * Bodies, headers and keys are not logged anywhere; redaction is there for the day somebody forgets.
 */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';

/** Bytes of lines kept while stdout stalls: about 4,000 lines. */
const bufferBytesMax = 2 ** 20;

/** How long the end of the process waits for the last lines. A reader that stalls for longer does not get them. */
const closeMs = 1000;

export interface LogOptions {
  readonly level: string;
  /** File descriptor the lines go to. */
  readonly fd: number;
  /** Called for each line that is dropped. */
  readonly lineDropped: () => void;
}

export interface Log {
  readonly logger: Logger;
  /**
   * Writes what is left and ends the log; what is logged later is lost. Resolves to whether everything was written in
   * time: if not, a write still holds a thread, and the process does not end by itself.
   */
  readonly close: () => Promise<boolean>;
}

const redact = {
  paths: ['authorization', '*.authorization', '*.*.authorization'],
  censor: '[redacted]',
};

export function openLog({ level, fd, lineDropped }: LogOptions): Log {
  // pino's own destination writes the rest synchronously when the process exits, for ever if nobody reads.
  const destination = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: bufferBytesMax });
  const logger = pino({ level, redact }, destination);
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
  const close = () =>
    new Promise<boolean>((resolve) => {
      logger.level = 'silent';
      const giveUp = setTimeout(() => {
        destination.destroy();
        resolve(false);
      }, closeMs);
      destination.once('close', () => {
        clearTimeout(giveUp);
        resolve(true);
      });
      destination.end();
    });
  return { logger, close };
}
