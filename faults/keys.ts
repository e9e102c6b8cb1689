/** A key file for a service that asks for keys, and the headers that clients send. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Keys {
  readonly environment: Readonly<Record<string, string>>;
  readonly headersOf: (name: string) => Readonly<Record<string, string>>;
  readonly remove: () => void;
}

/** Each name has a key; the key is the name. */
export function writeKeys(...names: readonly string[]): Keys {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  const path = join(folder, 'keys');
  writeFileSync(path, names.map((name) => `${name}:${createHash('sha256').update(name).digest('hex')}\n`).join(''));
  return {
    environment: { API_KEYS_FILE: path },
    headersOf: (name) => ({ authorization: `Bearer ${name}` }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
