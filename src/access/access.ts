/** Access by API keys as the service runs it: the callers of a key file, kept up to date with it. */
import type { Logger } from 'pino';
import { Callers, type CallersOptions } from './callers.js';
import { KeyFile } from './key-file.js';

export interface Access {
  readonly callers: Callers;
  /** Looks at the key file now, and not only every few seconds. */
  readonly check: () => Promise<void>;
  readonly close: () => void;
}

/** @throws {Error} that says what is wrong with the key file */
export async function openAccess(path: string, options: CallersOptions, logger: Logger): Promise<Access> {
  const callers = new Callers(options);
  const file = await KeyFile.open({
    path,
    replace: (keys) => callers.replace(keys),
    changed: (outcome) => {
      if ('keys' in outcome) logger.info({ path, keys: outcome.keys }, 'the API keys changed');
      else logger.error({ path, reason: outcome.error.message }, 'the key file is wrong, so the old API keys stay');
    },
  });
  return { callers, check: () => file.check(), close: () => file.close() };
}
