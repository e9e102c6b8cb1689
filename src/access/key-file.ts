/**
 * Reads the key file, and again whenever its content changes. It notices every way of changing it: writing in place,
 * renaming over it, and swapping a symbolic link, as Kubernetes does for Secrets. The keys stay unchanged if the file
 * cannot be read or parsed, or is still being written: a change applies only after two reads in a row found the same
 * content.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiKey, parseApiKeys } from './api-keys.js';

/** 1,000 lines of the maximum length have 150 KB. */
const keyFileBytesMax = 2 ** 18;

/**
 * The content is compared, since a time stamp may not change. The file is small, so reading it every few seconds is
 * cheap.
 */
const checkIntervalMs = 5000;

/** Time between two reads after a change. A program that writes in place does not pause this long. */
const settleMs = 1000;

/** Reads of a file that keeps changing, until that is an error. */
const readsMax = 5;

/**
 * Time limit of a read. A small file takes less than a millisecond; on a network file system that hangs a read never
 * ends.
 */
const readMsMax = 2000;

export interface KeyFileOptions {
  readonly path: string;
  /** Called with the keys, at the start and after each change. */
  readonly replace: (keys: readonly ApiKey[]) => void;
  /** Called once for each change, with the new number of keys or the error that kept the previous ones. */
  readonly changed: (outcome: { readonly keys: number } | { readonly error: Error }) => void;
}

/** Parts that tests replace. */
export interface KeyFileParts {
  readonly read?: (path: string) => Promise<string>;
  /** Waits between two reads that must agree. */
  readonly wait?: (ms: number) => Promise<unknown>;
  readonly readMsMax?: number;
}

/** Unreferenced, so that it does not keep the process alive. */
const idleWait = (ms: number) => sleep(ms, undefined, { ref: false });

export class KeyFile {
  readonly #options: KeyFileOptions;
  readonly #reader: Reader;
  readonly #wait: (ms: number) => Promise<unknown>;
  readonly #timer: NodeJS.Timeout;
  #text = '';
  #failure: string | undefined;
  #checking: Promise<void> | undefined;

  private constructor(options: KeyFileOptions, parts: KeyFileParts) {
    this.#options = options;
    this.#reader = new Reader(() => (parts.read ?? readKeyFile)(options.path), parts.readMsMax ?? readMsMax);
    this.#wait = parts.wait ?? idleWait;
    this.#timer = setInterval(() => this.check(), checkIntervalMs).unref();
  }

  /** @throws {Error} with a message about the error in the file */
  static async open(options: KeyFileOptions, parts: KeyFileParts = {}): Promise<KeyFile> {
    const file = new KeyFile(options, parts);
    try {
      file.#text = await file.#reader.read();
      options.replace(parseApiKeys(file.#text));
      return file;
    } catch (error) {
      clearInterval(file.#timer);
      throw error;
    }
  }

  /** Checks the file now; concurrent calls share one check. Resolves within seconds, even if a read hangs. */
  check(): Promise<void> {
    this.#checking ??= this.#checkOnce().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Stops checking. Resolves once no read is pending, or the pending one has exceeded its time limit. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reader.done();
  }

  /** Whether a read is pending. A read that hangs cannot be cancelled. */
  get reading(): boolean {
    return this.#reader.reading;
  }

  async #checkOnce(): Promise<void> {
    const { replace, changed } = this.#options;
    try {
      const text = await this.#stableText();
      if (text !== this.#text) {
        const keys = parseApiKeys(text);
        replace(keys);
        this.#text = text;
        changed({ keys: keys.length });
      }
      this.#failure = undefined;
    } catch (thrown) {
      const error = thrown as Error;
      if (error.message !== this.#failure) changed({ error });
      this.#failure = error.message;
    }
  }

  /** The content of the file once it is stable: unchanged, or equal in two reads in a row. */
  async #stableText(): Promise<string> {
    let text = await this.#reader.read();
    for (let reads = 1; text !== this.#text; reads++) {
      if (reads === readsMax) throw new Error('it changed at every read: rename a complete file over it');
      await this.#wait(settleMs);
      const before = text;
      text = await this.#reader.read();
      if (text === before) break;
    }
    return text;
  }
}

/**
 * Reads a file with a time limit. A read that hangs cannot be cancelled and occupies one of the few threads of libuv's
 * pool, so no second read starts meanwhile.
 */
class Reader {
  readonly #read: () => Promise<string>;
  readonly #readMsMax: number;
  #reading: Promise<string> | undefined;

  constructor(read: () => Promise<string>, readMsMax: number) {
    this.#read = read;
    this.#readMsMax = readMsMax;
  }

  get reading(): boolean {
    return this.#reading !== undefined;
  }

  /** Resolves once no read is pending, or the pending one has exceeded its time limit. */
  async done(): Promise<void> {
    if (this.#reading) await this.#inTime(this.#reading).catch(() => {});
  }

  /** @throws {Error} if the file cannot be read, or not within the time limit */
  read(): Promise<string> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#inTime(this.#reading);
  }

  #inTime(reading: Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = new Error(`it could not be read within ${this.#readMsMax} ms`);
      const timer = setTimeout(reject, this.#readMsMax, late);
      reading.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

/** Other files, such as a pipe, may never reach an end. */
function mustBeFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error('it is not a regular file');
}

async function readKeyFile(path: string): Promise<string> {
  // Without O_NONBLOCK, opening a pipe blocks until another process opens it for writing.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    mustBeFile(await file.stat());
    const bytes = await readUpTo(file, keyFileBytesMax + 1);
    if (bytes.length > keyFileBytesMax) throw new Error(`it is larger than ${keyFileBytesMax} bytes`);
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

/** A single read may return fewer bytes than requested. */
async function readUpTo(file: FileHandle, bytesMax: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const { bytesRead } = await file.read(buffer, length, bytesMax - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
