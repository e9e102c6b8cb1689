/**
 * Mutations of a body: of its bytes, of the structure of its JSON, of its numbers. The head goes on saying the body's
 * true length.
 */
import { headerValue, jsonLengthHeader, type Message, withHeader } from './message.js';
import type { Random } from './random.js';

/** Text that a reply to a mistake must never repeat. */
export const canary = 'zq7canary';

/** Numbers at and beyond every edge, and what only looks like one. */
const numbers = [
  '0',
  '-0',
  '-1',
  '1',
  '2',
  '0.5',
  '1e6',
  '1e-6',
  '1e-7',
  '1e39',
  '-1e39',
  '1e400',
  '-1e400',
  '5e-324',
  '1e-46',
  '3.5e38',
  '4294967295',
  '4294967296',
  '2147483648',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '1000001',
  '65537',
  '134217729',
  '01',
  '+1',
  '.5',
  '1.',
  '0x10',
  '1e',
  '1e+',
  '--1',
  'NaN',
  'Infinity',
  '-Infinity',
  '1'.repeat(400),
  `0.${'0'.repeat(400)}1`,
  `1e${'9'.repeat(50)}`,
  'null',
  'true',
  '""',
  '[]',
  '{}',
] as const;

const keys = [
  'logits',
  'temperature',
  'seed',
  'hard',
  'num_samples',
  'top_k',
  'return',
  'noise',
  'row_offset',
  'sample_offset',
  'cotangent',
  'samples',
  'log_samples',
  'inputs',
  'outputs',
  'parameters',
  'shape',
  'datatype',
  'name',
  'data',
  'id',
  'binary_data_size',
  '__proto__',
  'constructor',
  'toString',
  canary,
  '',
  '\u0000',
  '\ud800',
] as const;

/** Stands for `text` itself once the JSON has been printed, since JSON.stringify cannot print what is no JSON. */
function raw(text: string): string {
  return `@raw ${text} raw@`;
}

function printWithRaw(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"@raw ((?:[^"\\]|\\.)*) raw@"/g, (_, text: string) =>
    JSON.parse(`"${text}"`),
  );
}

function anyValue(random: Random): unknown {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return canary;
    case 3:
      return random.pick([
        '',
        'samples',
        'gumbel',
        '0',
        '-1',
        '1e3',
        'x'.repeat(5000),
        '\u0000',
        '\ud800',
        'FP32',
        'BYTES',
      ]);
    case 4:
      return {};
    case 5:
      return [];
    case 6:
      return raw(`${'['.repeat(random.between(1, 2000))}`);
    case 7:
      return Array.from({ length: random.between(1, 6) }, () => random.pick<unknown>([0, null, [1], canary, true]));
    default:
      return raw(random.pick(numbers));
  }
}

type Container = unknown[] | Record<string, unknown>;

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

/** Walks down to some container of the tree. */
function somewhere(random: Random, root: Container): Container {
  let at = root;
  for (;;) {
    const inner = Object.values(at).filter(isContainer);
    if (inner.length === 0 || random.chance(0.4)) return at;
    at = random.pick(inner);
  }
}

function changeArray(random: Random, array: unknown[]): void {
  const at = random.below(array.length + 1);
  switch (random.below(5)) {
    case 0:
      array.splice(at, 1);
      break;
    case 1:
      array.splice(at, 0, anyValue(random));
      break;
    case 2:
      array.push(...array.slice(0, random.between(1, 10)));
      break;
    case 3:
      array.length = random.below(array.length + 1);
      break;
    default:
      array[Math.min(at, Math.max(0, array.length - 1))] = anyValue(random);
  }
}

function changeObject(random: Random, object: Record<string, unknown>): void {
  const present = Object.keys(object);
  const name = present.length > 0 ? random.pick(present) : 'logits';
  switch (random.below(5)) {
    case 0:
      delete object[name];
      break;
    case 1:
      define(object, random.pick(keys), anyValue(random));
      break;
    case 2:
      define(object, random.pick(keys), object[name]);
      break;
    case 3:
      object[name] = [object[name]];
      break;
    default:
      object[name] = anyValue(random);
  }
}

/** Also defines `__proto__` as a member like any other. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The JSON of a message, and the bytes behind it. */
function split(message: Message): { json: Buffer; binary: Buffer } {
  const length = headerValue(message, jsonLengthHeader);
  const end = length === undefined ? message.body.length : Number(length);
  return { json: message.body.subarray(0, end), binary: message.body.subarray(end) };
}

function withJson(message: Message, json: string): Message {
  const { binary } = split(message);
  const bytes = Buffer.from(json);
  const joined = { ...message, body: Buffer.concat([bytes, binary]) };
  return binary.length === 0 ? joined : withHeader(joined, jsonLengthHeader, String(bytes.length));
}

function containerIn(json: Buffer): Container | undefined {
  try {
    const value: unknown = JSON.parse(json.toString());
    return isContainer(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Changes the tree of the JSON once or a few times. */
export function mutateStructure(random: Random, message: Message): Message {
  const { json } = split(message);
  const root = containerIn(json);
  // What an earlier mutation has broken has no structure any more.
  if (!root) return mutateBytes(random, message);
  for (let times = random.between(1, 3); times > 0; times--) {
    const container = somewhere(random, root);
    if (Array.isArray(container)) changeArray(random, container);
    else changeObject(random, container);
  }
  return withJson(message, random.chance(0.03) ? printWithRaw(anyValue(random)) : printWithRaw(root));
}

/** Replaces numbers of the JSON. */
export function mutateNumbers(random: Random, message: Message): Message {
  let text = split(message).json.toString();
  for (let times = random.between(1, 3); times > 0; times--) {
    const found = [...text.matchAll(/-?\d[\d.eE+-]*/g)];
    if (found.length === 0) return mutateBytes(random, message);
    const { index, 0: old } = random.pick(found);
    text = text.slice(0, index) + random.pick(numbers) + text.slice(index + old.length);
  }
  return withJson(message, text);
}

/** Changes, cuts out, doubles and puts in bytes, wherever they are. */
export function mutateBytes(random: Random, message: Message): Message {
  let { body } = message;
  for (let times = random.between(1, 3); times > 0; times--) {
    const at = random.below(body.length + 1);
    const count = random.between(1, 40);
    const rest = body.subarray(at);
    const pieces = [
      () => [random.bytes(1), rest.subarray(1)],
      () => [Buffer.from([(rest[0] ?? 0) ^ (1 << random.below(8))]), rest.subarray(1)],
      () => [rest.subarray(count)],
      () => [rest.subarray(0, count), rest],
      () => [random.bytes(count), rest],
      () => [
        Buffer.from(random.pick(['"', '\\', '{', '}', '[', ']', ',', ':', '\u0000', '\ufeff', '\ud800', canary])),
        rest,
      ],
      () => [],
    ];
    body = Buffer.concat([body.subarray(0, at), ...random.pick(pieces)()]);
  }
  return { ...message, body };
}
