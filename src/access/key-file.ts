/**
 * Reads the key file and reads it again when its content changes, however it was changed: written in place, renamed
 * over, or by the swap of a symbolic link, as Kubernetes does with Secrets. A file that cannot be read or parsed leaves
 * the keys as they are, and so does one that is still being written: a change is taken over only once two looks in a
 * row found the same.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiKey, parseApiKeys } from './api-keys.js';

/** A thousand lines of the longest kind take 150 KB. */
const keyFileBytesMax = 2 ** 18;

/**
 * Content is compared, since a time stamp can stay the same; reading a file this small every few seconds costs nothing.
 */
const checkIntervalMs = 5000;

/**
 * How long after a change was seen the file is read once more. Whoever writes a file in place does not pause for so
 * long in the middle.
 */
const settleMs = 1000;

/** So often is a file that keeps changing read before it is an error. */
const readsMax = 5;

/** A file of this size is read in under a millisecond; one on a network file system that hangs, never. */
const readMsMax = 2000;

export interface KeyFileOptions {
  readonly path: string;
  /** Takes over the keys, at the start and after each change. */
  readonly replace: (keys: readonly ApiKey[]) => void;
  /** Told once of each change: how many keys there are now, or why the old ones stay. */
  readonly changed: (outcome: { readonly keys: number } | { readonly error: Error }) => void;
}

/** What a test may put in the place of the real thing. */
export interface KeyFileParts {
  readonly read?: (path: string) => Promise<string>;
  /** Waits between two reads that are to agree. */
  readonly wait?: (ms: number) => Promise<unknown>;
  readonly readMsMax?: number;
}

/** Keeps no process alive that has nothing else to do. */
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

  /** @throws {Error} that says what is wrong with the file */
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

  /** Looks at the file now; one look at a time. Resolves within seconds, whatever the file does. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Looks no more; resolves once no thread reads the file, or one hangs in it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reader.done();
  }

  /** Whether a thread is inside a read of the file, from which nothing can bring it back. */
  get reading(): boolean {
    return this.#reader.reading;
  }

  async #look(): Promise<void> {
    const { replace, changed } = this.#options;
    try {
      const text = await this.#settled();
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

  /** What the file holds: what it held before, or what two reads in a row have found. */
  async #settled(): Promise<string> {
    let text = await this.#reader.read();
    for (let reads = 1; text !== this.#text; reads++) {
      if (reads === readsMax) throw new Error('it changes whenever it is read');
      await this.#wait(settleMs);
      const before = text;
      text = await this.#reader.read();
      if (text === before) break;
    }
    return text;
  }
}

/**
 * Reads a file that may hang. A read that has begun cannot be taken back, and each that hangs holds one of the few
 * threads that read files for the whole process: so while one hangs no other is begun.
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

  /** Resolves once no read is under way, or it is late. */
  async done(): Promise<void> {
    if (this.#reading) await this.#inTime(this.#reading).catch(() => {});
  }

  /** @throws {Error} that says what is wrong with the file, also when it cannot be read in time */
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

/** Anything but a file, such as a pipe, could take for ever to say how it ends. */
function mustBeFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error('it is not a regular file');
}

async function readKeyFile(path: string): Promise<string> {
  // Without O_NONBLOCK opening a pipe waits until somebody writes to it.
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

/** One read may give fewer bytes than there are. */
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
