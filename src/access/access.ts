/** Access by API keys: the callers of a key file, updated when the file changes. */
import type { Logger } from 'pino';
import type { ApiKey } from './api-keys.js';
import { Callers, type CallersOptions } from './callers.js';
import { KeyFile, type KeyFileParts } from './key-file.js';

export interface Access {
  readonly callers: Callers;
  /** Checks the key file now, in addition to the check every few seconds. */
  readonly check: () => Promise<void>;
  /** Whether a read of the key file is pending. It may hang. */
  readonly reading: () => boolean;
  readonly close: () => Promise<void>;
}

/** @throws {Error} with a message about the error in the key file */
export async function openAccess(
  path: string,
  options: CallersOptions,
  logger: Logger,
  parts?: KeyFileParts,
): Promise<Access> {
  const callers = new Callers(options);
  const replace = (keys: readonly ApiKey[]) => callers.replace(keys);
  const changed = (outcome: { readonly keys: number } | { readonly error: Error }) => {
    if ('keys' in outcome) logger.info({ path, keys: outcome.keys }, 'the API keys changed');
    else
      logger.error(
        { path, reason: outcome.error.message },
        'the key file is invalid: the previous API keys stay valid',
      );
  };
  const file = await KeyFile.open({ path, replace, changed }, parts);
  return { callers, check: () => file.check(), reading: () => file.reading, close: () => file.close() };
}
