/**
 * Parses API keys. A line of the key file has a name, the SHA-256 of the key, and optionally a quota. Keys are long and
 * random, so a fast hash without salt protects them: nobody can try 2^128 of them. This module reads no files.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface ApiKey {
  /** The caller. Several keys may have one name, so that a key can be rotated without a gap. */
  readonly name: string;
  readonly sha256: Buffer;
  /** Elements per minute; undefined if the service's default quota applies, 0 for no quota. */
  readonly elementsPerMinute: number | undefined;
}

/** Each request compares its key with all of these. */
const keysMax = 1000;

const line = /^([A-Za-z0-9._-]{1,64}):([0-9a-fA-F]{64})(?::(\d{1,15}))?$/;

/**
 * Parses the text of a key file: each line is `name:sha256` or `name:sha256:elements_per_minute`. Empty lines and lines
 * that begin with # are skipped.
 *
 * @throws {Error} that names the wrong line and the correct form, and never quotes the line
 */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const keys: ApiKey[] = [];
  const quotas = new Map<string, number | undefined>();
  for (const [index, raw] of text.split('\n').entries()) {
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = line.exec(trimmed);
    const where = `line ${index + 1}`;
    if (match === null) {
      throw new Error(`${where} is not name:sha256, 64 hexadecimal digits, perhaps :elements_per_minute`);
    }
    const [, name, hex, quota] = match;
    const elementsPerMinute = quota === undefined ? undefined : Number(quota);
    if (quotas.has(name) && quotas.get(name) !== elementsPerMinute) {
      throw new Error(`${where} gives ${name} another quota than a line above: give all keys of a name one quota`);
    }
    quotas.set(name, elementsPerMinute);
    keys.push({ name, sha256: Buffer.from(hex, 'hex'), elementsPerMinute });
  }
  if (keys.length === 0) throw new Error('it has no key: add a line name:sha256');
  if (keys.length > keysMax) throw new Error(`it has ${keys.length} keys, more than ${keysMax}`);
  return keys;
}

/** The key that a client presents, or undefined. Constant time: it takes equally long for every key, valid or not. */
export function findApiKey(keys: readonly ApiKey[], presented: string): ApiKey | undefined {
  const sha256 = createHash('sha256').update(presented).digest();
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(key.sha256, sha256)) found = key;
  return found;
}
