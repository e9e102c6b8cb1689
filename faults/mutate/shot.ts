/**
 * From a seed and a number to the bytes of a mutated request and what may come of it. Framing is mutated here: where
 * the request ends, how its body is cut into chunks, and whether all of it is sent at all.
 */
import { mutateBytes, mutateNumbers, mutateStructure } from './body.js';
import { mutateHead } from './head.js';
import { legalMessage, type Message } from './message.js';
import { Random } from './random.js';

export interface Shot {
  readonly number: number;
  /** Which mutations it has had. */
  readonly mutations: string;
  readonly bytes: Buffer;
  readonly method: string;
  /** Whether it is plain where the request ends, so that it must be answered, and the connection may be used again. */
  readonly framed: boolean;
  /**
   * What the client does once it has sent the bytes: waits for the reply; waits a while and then says that no more will
   * come; says so at once, where the service would wait for more; or resets the connection.
   */
  readonly after: 'wait' | 'linger' | 'end' | 'reset';
}

/** Legal requests to start from; making one afresh would cost more than mutating it. */
const legalCount = 512;

type Header = readonly [name: string, value: string];

function headOf({ method, path, headers }: Message, more: readonly Header[], version = 'HTTP/1.1'): Buffer {
  const lines = [['host', 'service'] as const, ...headers, ...more].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} ${version}\r\n${lines.join('')}\r\n`, 'latin1');
}

function framed(message: Message): Buffer {
  const { body, method } = message;
  const bodiless = body.length === 0 && method !== 'POST';
  return Buffer.concat([headOf(message, bodiless ? [] : [['content-length', String(body.length)]]), body]);
}

function chunksOf(random: Random, body: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + random.between(1, Math.max(1, body.length)));
    const extension = random.chance(0.1) ? ';a=b' : '';
    pieces.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return pieces;
}

const chunkedHeader: readonly Header[] = [['transfer-encoding', 'chunked']];

function chunked(random: Random, message: Message): Buffer {
  const last = random.chance(0.1) ? '0\r\nx-trailer: 1\r\n\r\n' : '0\r\n\r\n';
  return Buffer.concat([headOf(message, chunkedHeader), ...chunksOf(random, message.body), Buffer.from(last)]);
}

const lies = [
  '-1',
  '',
  'abc',
  '1,1',
  '+5',
  '0x10',
  '1e3',
  '99999999999999999999',
  '4294967296',
  '5 5',
  '00',
  '\u00b2',
] as const;
const encodings = [
  'gzip',
  'chunked, gzip',
  'gzip, chunked',
  'xchunked',
  'chunked, chunked',
  'identity',
  '',
  'CHUNKED',
] as const;
const versions = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', 'XTTP/1.1', ''] as const;

type Frame = (random: Random, message: Message) => Pick<Shot, 'bytes' | 'after'>;

function sent(pieces: readonly Buffer[], after: Shot['after'] = 'linger'): Pick<Shot, 'bytes' | 'after'> {
  return { bytes: Buffer.concat(pieces), after };
}

/**
 * Ways to be unclear about where a request ends. After each the client says that it has no more to send, or just
 * vanishes.
 */
const frames: Readonly<Record<string, Frame>> = {
  'a length that lies': (random, message) => {
    const { length } = message.body;
    const claimed = Math.max(0, length + random.between(-20, 20));
    const value = random.chance(0.5) ? random.pick(lies) : String(claimed);
    const after = value === String(claimed) && claimed > length ? 'end' : 'linger';
    return sent([headOf(message, [['content-length', value]]), message.body], after);
  },
  'two lengths': (random, message) => {
    const { length } = message.body;
    const second = String(length + random.below(2));
    return sent([
      headOf(message, [
        ['content-length', String(length)],
        ['content-length', second],
      ]),
      message.body,
    ]);
  },
  'no length': (_, message) => sent([headOf(message, []), message.body]),
  'a length and chunks': (random, message) => {
    const head = headOf(message, [['content-length', String(message.body.length)], ...chunkedHeader]);
    return sent([head, ...chunksOf(random, message.body), Buffer.from('0\r\n\r\n')]);
  },
  'another transfer encoding': (random, message) =>
    sent([headOf(message, [['transfer-encoding', random.pick(encodings)]]), message.body]),
  'broken chunks': (random, message) => {
    const broken = random.pick([
      'zz\r\n',
      'ffffffffffffffffff\r\n',
      '-1\r\n',
      '5\r\nab\r\n',
      `1;${'x'.repeat(20_000)}\r\n`,
      '\r\n',
    ]);
    return sent([headOf(message, chunkedHeader), ...chunksOf(random, message.body).slice(0, 2), Buffer.from(broken)]);
  },
  'no last chunk': (random, message) =>
    sent([headOf(message, chunkedHeader), ...chunksOf(random, message.body)], 'end'),
  'cut off': (random, message) => {
    const bytes = framed(message);
    return sent([bytes.subarray(0, random.below(bytes.length))], random.pick(['end', 'reset']));
  },
  'bytes changed in the head': (random, message) => {
    const bytes = Buffer.from(framed(message));
    const headLength = bytes.length - message.body.length;
    for (let times = random.between(1, 4); times > 0; times--) bytes[random.below(headLength)] = random.below(256);
    return sent([bytes]);
  },
  'bare line feeds': (_, message) =>
    sent([Buffer.from(framed(message).toString('latin1').replaceAll('\r\n', '\n'), 'latin1')]),
  'another version': (random, message) =>
    sent([headOf(message, [['content-length', String(message.body.length)]], random.pick(versions)), message.body]),
  'no Host': (_, message) =>
    sent([Buffer.from(framed(message).toString('latin1').replace('host: service\r\n', ''), 'latin1')]),
  'two Hosts': (_, message) => sent([framed({ ...message, headers: [...message.headers, ['host', 'other']] })]),
  'a header that is none': (random, message) => {
    const line = random.pick(['nonsense', ': x', 'a b: c', ' folded: x', 'x: a\u0000b', 'x\u0000: a', 'x: a\rb']);
    const text = framed(message).toString('latin1');
    return sent([Buffer.from(text.replace('\r\n', `\r\n${line}\r\n`), 'latin1')]);
  },
  'a method that is none': (random, message) =>
    sent([framed({ ...message, method: random.pick(['CONNECT', 'PRI', 'post', 'FOO', '', 'POST POST']) })]),
  'two at once': (_, message) => sent([framed(message), framed(message)]),
  noise: (random) => sent([random.bytes(random.between(1, 200))]),
  'another protocol': (random) =>
    sent([
      Buffer.from(
        random.pick([
          '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          'SSH-2.0-x\r\n',
          '\r\n\r\n\r\n',
        ]),
        'latin1',
      ),
    ]),
};

const contentMutations = {
  bytes: mutateBytes,
  structure: mutateStructure,
  numbers: mutateNumbers,
  head: mutateHead,
} as const;

/** Mutated requests of one seed, each by its number. */
export class Shots {
  readonly #seed: number;
  readonly #legal: readonly Message[];

  constructor(seed: number) {
    this.#seed = seed;
    this.#legal = Array.from({ length: legalCount }, (_, at) => legalMessage(new Random(seed, -2 - at)));
  }

  shot(number: number): Shot {
    const random = new Random(this.#seed, number);
    let message = random.pick(this.#legal);
    const applied: string[] = [];
    const misframed = random.chance(0.15);
    for (let times = misframed && random.chance(0.7) ? 0 : random.pick([1, 1, 1, 2]); times > 0; times--) {
      const name = random.pick(['bytes', 'structure', 'structure', 'numbers', 'numbers', 'head'] as const);
      message = contentMutations[name](random, message);
      applied.push(name);
    }
    if (misframed) {
      const name = random.pick(Object.keys(frames));
      const mutations = [...applied, name].join(', ');
      return { number, mutations, method: message.method, framed: false, ...frames[name](random, message) };
    }
    const inChunks = message.method === 'POST' && random.chance(0.1);
    return {
      number,
      mutations: [...applied, ...(inChunks ? ['chunks'] : [])].join(', '),
      method: message.method,
      framed: true,
      after: 'wait',
      bytes: inChunks ? chunked(random, message) : framed(message),
    };
  }
}
