/** Access by API keys as the service runs it: the callers of a key file, kept up to date with it. */
import type { Logger } from 'pino';
import type { ApiKey } from './api-keys.js';
import { Callers, type CallersOptions } from './callers.js';
import { KeyFile, type KeyFileParts } from './key-file.js';

export interface Access {
  readonly callers: Callers;
  /** Looks at the key file now, and not only every few seconds. */
  readonly check: () => Promise<void>;
  /** Whether a thread is inside a read of the key file, which may hang. */
  readonly reading: () => boolean;
  readonly close: () => Promise<void>;
}

/** @throws {Error} that says what is wrong with the key file */
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
    else logger.error({ path, reason: outcome.error.message }, 'the key file is wrong, so the old API keys stay');
  };
  const file = await KeyFile.open({ path, replace, changed }, parts);
  return { callers, check: () => file.check(), reading: () => file.reading, close: () => file.close() };
}
