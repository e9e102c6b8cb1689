/**
 * Reads the key file and reads it again when its content changes, however it was changed: written in place, renamed over, or
 * by the swap of a symbolic link, as Kubernetes does with Secrets. A file that cannot be read or parsed leaves the keys as they are.
 */
import { open } from 'node:fs/promises';
import { type ApiKey, parseApiKeys } from './api-keys.js';

/** A thousand lines of the longest kind take 150 KB. */
const keyFileBytesMax = 2 ** 18;

/** Content is compared, since a time stamp can stay the same; reading a file this small every few seconds costs nothing. */
const checkIntervalMs = 5000;

export interface KeyFileOptions {
  readonly path: string;
  /** Takes over the keys, at the start and after each change. */
  readonly replace: (keys: readonly ApiKey[]) => void;
  /** Told once of each change: how many keys there are now, or why the old ones stay. */
  readonly changed: (outcome: { readonly keys: number } | { readonly error: Error }) => void;
}

export class KeyFile {
  readonly #options: KeyFileOptions;
  readonly #timer: NodeJS.Timeout;
  #text: string | undefined;
  #failure: string | undefined;
  #checking: Promise<void> | undefined;

  private constructor(options: KeyFileOptions, text: string) {
    this.#options = options;
    this.#text = text;
    this.#timer = setInterval(() => this.check(), checkIntervalMs).unref();
  }

  /** @throws {Error} that says what is wrong with the file */
  static async open(options: KeyFileOptions): Promise<KeyFile> {
    const text = await readKeyFile(options.path);
    options.replace(parseApiKeys(text));
    return new KeyFile(options, text);
  }

  /** Looks at the file now; one look at a time. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { path, replace, changed } = this.#options;
    try {
      const text = await readKeyFile(path);
      if (text === this.#text) {
        this.#failure = undefined;
        return;
      }
      const keys = parseApiKeys(text);
      replace(keys);
      this.#text = text;
      this.#failure = undefined;
      changed({ keys: keys.length });
    } catch (thrown) {
      const error = thrown as Error;
      if (error.message !== this.#failure) changed({ error });
      this.#failure = error.message;
    }
  }
}

async function readKeyFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(keyFileBytesMax + 1), 0, keyFileBytesMax + 1, 0);
    if (bytesRead > keyFileBytesMax) throw new Error(`it is larger than ${keyFileBytesMax} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
