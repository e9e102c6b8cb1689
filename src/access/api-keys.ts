/**
 * API keys as an operator writes them down: a line of the key file is a name, the SHA-256 of the key, and perhaps a
 * quota. Keys are long and random, so a fast hash without salt protects them: nobody can guess through 2^128 of them.
 * Pure; reads no file.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface ApiKey {
  /** Who has the key. Several keys may have one name, so that a key can be changed without a gap. */
  readonly name: string;
  readonly sha256: Buffer;
  /** Elements a minute; undefined where the service's own quota holds. 0 is no quota. */
  readonly elementsPerMinute: number | undefined;
}

/** Every request is compared with every key, 0.1 microseconds each. */
const keysMax = 1000;

const line = /^([A-Za-z0-9._-]{1,64}):([0-9a-fA-F]{64})(?::(\d{1,15}))?$/;

/**
 * Reads the text of a key file: `name:sha256` or `name:sha256:elements_per_minute` a line; empty lines and lines that
 * begin with # are skipped.
 *
 * @throws {Error} that says which line is wrong and what would be right, and never repeats it
 */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const keys: ApiKey[] = [];
  const quotas = new Map<string, number | undefined>();
  for (const [index, raw] of text.split('\n').entries()) {
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, name, hex, quota] = line.exec(trimmed) ?? [];
    const where = `line ${index + 1}`;
    if (name === undefined || hex === undefined) {
      throw new Error(`${where} is not name:sha256, 64 hexadecimal digits, perhaps :elements_per_minute`);
    }
    const elementsPerMinute = quota === undefined ? undefined : Number(quota);
    if (quotas.has(name) && quotas.get(name) !== elementsPerMinute) {
      throw new Error(`${where} gives ${name} another quota than a line above`);
    }
    quotas.set(name, elementsPerMinute);
    keys.push({ name, sha256: Buffer.from(hex, 'hex'), elementsPerMinute });
  }
  if (keys.length === 0) throw new Error('it has no key');
  if (keys.length > keysMax) throw new Error(`it has ${keys.length} keys, more than ${keysMax}`);
  return keys;
}

/** The key a client presents, or undefined. Takes as long whichever key it is, and whether it is one at all. */
export function findApiKey(keys: readonly ApiKey[], presented: string): ApiKey | undefined {
  const sha256 = createHash('sha256').update(presented).digest();
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(key.sha256, sha256)) found = key;
  return found;
}
