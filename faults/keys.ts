/** A key file for a service that asks for keys, and the headers that clients send. */
import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Keys {
  readonly environment: Readonly<Record<string, string>>;
  readonly headersOf: (name: string) => Readonly<Record<string, string>>;
  /** Replaces the keys by those of other names, in one step. */
  readonly replace: (...names: readonly string[]) => void;
  readonly remove: () => void;
}

/** Each name has a key; the key is the name. */
export function writeKeys(...names: readonly string[]): Keys {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  const path = join(folder, 'keys');
  const hashOf = (name: string) => createHash('sha256').update(name).digest('hex');
  const replace = (...all: readonly string[]) => {
    writeFileSync(`${path}.new`, all.map((name) => `${name}:${hashOf(name)}\n`).join(''));
    renameSync(`${path}.new`, path);
  };
  replace(...names);
  return {
    environment: { API_KEYS_FILE: path },
    replace,
    headersOf: (name) => ({ authorization: `Bearer ${name}` }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
