/**
 * The JSON codec and the schemas behind it: bodies of POST /sample, /sample/vjp and /log-prob, up to the draw. A body
 * is accepted exactly if the reference reads it as legal, and then its numbers are those of JSON.parse, rounded by
 * Math.fround. What is accepted is printed and read again.
 */
import { legalMessage } from '../../../faults/mutate/message.js';
import type { Random } from '../../../faults/mutate/random.js';
import { Problem, problemKind } from '../../../src/errors.js';
import type { Memory } from '../../../src/json/array-reader.js';
import { FlagList } from '../../../src/json/flag-reader.js';
import { MalformedJsonError } from '../../../src/json/malformed-json-error.js';
import { NumberMatrix } from '../../../src/json/number-matrix.js';
import { type ParseOptions, parseBody } from '../../../src/json/parse-body.js';
import { type Member, printBody } from '../../../src/json/print-body.js';
import { SeedList } from '../../../src/json/seed-list.js';
import { jsonBodyFields, settleSmall } from '../../../src/routes/json-body.js';
import { validationProblem } from '../../../src/schemas/issue.js';
import { checkLogProbPoints, logProbRequest } from '../../../src/schemas/log-prob.js';
import { checkMasks } from '../../../src/schemas/masks.js';
import { sampleRequest } from '../../../src/schemas/sample.js';
import { checkCotangent, vjpRequest } from '../../../src/schemas/vjp.js';
import { check, Finding, shown } from '../finding.js';
import type { Input } from '../input.js';
import { mutateRequest } from '../mutate.js';
import { hasPlace, mayBeAbsent } from '../reference/json-pointer.js';
import { grammarFault, hasLongNumber, readJson, sizeOf } from '../reference/json-text.js';
import { isLegalBody, type Route, routeNames } from '../reference/routes.js';
import { ragged, Tensor, tensorIn } from '../reference/tensor.js';
import type { Target } from '../target.js';

/** Small, so that small inputs come to them. */
export const limits = { rowsMax: 64, categoriesMax: 512, samplesMax: 64, elementsReturnedMax: 4096 };

const fields = jsonBodyFields(limits);

const sample = sampleRequest(limits, () => '7');
const vjp = vjpRequest(limits);
const logProb = logProbRequest(limits);

/** What each route does with a body before it draws. */
const readers: Readonly<Record<Route, (body: unknown) => Promise<void>>> = {
  '/sample': async (body) => {
    const parsed = sample.safeParse(body);
    if (!parsed.success) throw validationProblem(parsed.error);
    await checkMasks(parsed.data.draw.masks, parsed.data.draw.logits);
  },
  '/sample/vjp': async (body) => {
    const parsed = vjp.safeParse(body);
    if (!parsed.success) throw validationProblem(parsed.error);
    await checkMasks(parsed.data.draw.masks, parsed.data.draw.logits);
    await checkCotangent(parsed.data);
  },
  '/log-prob': async (body) => {
    const parsed = logProb.safeParse(body);
    if (!parsed.success) throw validationProblem(parsed.error);
    await checkMasks(parsed.data.masks, parsed.data.logits);
    await checkLogProbPoints(parsed.data);
  },
};

/** Memory with something in it, as that of the buffer pool has. */
export const usedMemory: Memory = {
  take: (bytes) => new Uint8Array(bytes + 8).fill(0x7f).buffer,
  give: () => {},
  hold: () => {},
  free: () => {},
  gone: false,
};

/** How a body is parsed, chosen by its length: in one slice, in the smallest ones, or in many turns. */
function optionsFor({ length }: Buffer): ParseOptions {
  const memory = usedMemory;
  if (length % 4 === 0) return { memory };
  return { memory, sliceBytesMax: 64, ...(length % 32 === 1 && { turnBytesMax: 512 }) };
}

async function parsed(body: Buffer): Promise<unknown> {
  return parseBody(body, fields, optionsFor(body));
}

function isRoute(path: string): path is Route {
  return routeNames.some((name) => name === path);
}

/** Checks that a body is refused as no JSON only if it is none, and where. */
export function checkMalformed(body: Buffer, error: MalformedJsonError): void {
  check(readJson(body) === undefined, () => `a body that is JSON is refused: ${error.message}`);
  const isWhereSaid = error.position !== undefined && error.message.startsWith('The body is not JSON');
  if (!isWhereSaid || body[0] === 0xef) return;
  const fault = grammarFault(body);
  const { position } = error;
  check(
    fault !== undefined && (position as number) >= fault.token && (position as number) <= fault.position,
    () => `${error.message} The fault is at ${shown(fault)}.`,
  );
}

export function checkProblem(problem: Problem): void {
  const { status } = problemKind(problem.code);
  check(status >= 400 && status < 500, () => `a body is refused with ${status}, ${problem.code}`);
  check(problem.message.length < 1000 && problem.errors.length <= 10, () => `a problem is long: ${problem.message}`);
}

/** Checks that each error points at a place of the body. */
export function checkPointers({ errors }: Problem, value: unknown): void {
  for (const { pointer, message } of errors) {
    const isThere = hasPlace(value, pointer) || (mayBeAbsent(message) && hasPlace(value, pointer, 'parent'));
    check(isThere, () => `an error points at ${pointer}, which the body does not have: ${message}`);
  }
}

/** Whether the parser may refuse a body because of its size: by a generous estimate. */
export function mayBeTooLarge(body: Buffer): boolean {
  const { depth, values } = sizeOf(body);
  return depth > 8 || values > Math.min(256, limits.rowsMax) || body.length > 16_384;
}

const oneFloat = new Float32Array(1);
const itsBits = new Uint32Array(oneFloat.buffer);

/** The bits of a number as float32. */
function bitsOf(value: number): number {
  oneFloat[0] = value;
  return itsBits[0];
}

/** Checks an array that the parser has read against that of JSON.parse. */
function checkArray(name: string, array: unknown, given: unknown): void {
  const tensor = tensorIn(given);
  const { shape, raggedPath } = array as NumberMatrix | SeedList | FlagList;
  check((tensor === ragged) === (raggedPath !== undefined), () => `${name} is ragged only once: ${shown(given)}`);
  if (!(tensor instanceof Tensor)) {
    check(
      Array.isArray(given) && hasPlace(given, (raggedPath ?? []).map((key) => `/${key}`).join('')),
      () => `${name}: ${raggedPath}`,
    );
    return;
  }
  check(shown(shape) === shown(tensor.shape), () => `${name} has shape ${shape}, not ${tensor.shape}`);
  const { values } = tensor;
  if (array instanceof FlagList) {
    check(shown([...array.flags]) === shown(values.map(Number)), () => `${name} is not ${shown(values)}`);
  } else if (array instanceof SeedList) {
    const wrong = new Set(array.wrong.map(({ row }) => row));
    for (const [index, value] of values.entries()) {
      if (wrong.has(index) || wrong.size === 10) continue;
      const word = BigInt(array.words[2 * index]) + (BigInt(array.words[2 * index + 1]) << 32n);
      check(word === BigInt(value as number | string), () => `${name} has ${word} for ${shown(value)}`);
    }
  } else {
    const { data, nullCount, infiniteCount } = array as NumberMatrix;
    check(data.length === values.length, () => `${name} has ${data.length} numbers, not ${values.length}`);
    for (const [index, value] of values.entries()) {
      const expected = value === null ? Number.NaN : Math.fround(value as number);
      const isSame = Number.isNaN(expected) ? Number.isNaN(data[index]) : bitsOf(data[index]) === bitsOf(expected);
      check(isSame, () => `${name} has ${data[index]} for ${shown(value)}`);
    }
    const infinites = values.filter((value) => value !== null && !Number.isFinite(Math.fround(value as number)));
    const counts = [values.filter((value) => value === null).length, infinites.length];
    check(
      nullCount === counts[0] && infiniteCount === counts[1],
      () => `${name} has ${nullCount} nulls, ${infiniteCount} infinite`,
    );
  }
}

function isArray(value: unknown): value is NumberMatrix | SeedList | FlagList {
  return value instanceof NumberMatrix || value instanceof SeedList || value instanceof FlagList;
}

/** Checks a parsed value against that of JSON.parse. */
function checkValue(value: unknown, given: unknown, place = ''): void {
  if (isArray(value)) {
    checkArray(place, value, given);
  } else if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value);
    check(
      typeof given === 'object' && given !== null && shown(names) === shown(Object.keys(given)),
      () => `${place} has ${names}`,
    );
    for (const name of names) checkValue((value as never)[name], (given as never)[name], `${place}/${name}`);
  } else check(Object.is(value, given), () => `${place} is ${shown(value)}, not ${shown(given)}`);
}

/** Prints what was parsed, and reads it again. */
async function checkPrinted(value: unknown, given: unknown): Promise<void> {
  const members: Member[] = [];
  for (const [name, member] of Object.entries(value as object)) {
    if (member instanceof SeedList || member instanceof FlagList) {
      // A list without entries is refused, so no reply has one.
      const isWhole = member.raggedPath === undefined && member.count > 0;
      if (isWhole && !(member instanceof SeedList && member.wrong.length > 0)) members.push({ name, list: member });
    } else if (member instanceof NumberMatrix) {
      if (member.raggedPath === undefined) members.push({ name, numbers: member.data, shape: member.shape });
    }
  }
  if (members.length === 0) return;
  const text = printBody(members, () => {});
  check(typeof text === 'string', () => 'a short reply is printed in pieces');
  const expected = Object.fromEntries(members.map(({ name }) => [name, (given as never)[name]]));
  const printed = JSON.parse(text) as Record<string, unknown>;
  for (const { name } of members) checkSame(name, printed[name], expected[name]);
  checkValue(await parsed(Buffer.from(text)), printed);
}

/** Checks that what was printed rounds to what was sent: infinite numbers are null. */
function checkSame(name: string, printed: unknown, given: unknown): void {
  const isSeed = name === 'seed';
  const [own, sent] = [tensorIn(printed), tensorIn(given)] as [Tensor, Tensor];
  check(shown(own.shape) === shown(sent.shape), () => `${name} is printed as ${own.shape}`);
  for (const [index, value] of sent.values.entries()) {
    const rounded = typeof value === 'number' && !Number.isSafeInteger(value) ? Math.fround(value) : value;
    const expected = typeof rounded === 'number' && !Number.isFinite(rounded) ? null : rounded;
    const found = own.values[index];
    // A seed of -0 is 0; of other numbers the sign of a zero is kept.
    const isSame =
      isSeed || typeof found !== 'number' ? found === expected : bitsOf(found) === bitsOf(expected as number);
    check(isSame, () => `${name} is printed with ${shown(found)} for ${shown(value)}`);
  }
}

/** Prints the bytes of a body as if they were numbers. */
function checkBits(body: Buffer): void {
  const floats = new Float32Array(Uint8Array.from(body.subarray(0, Math.min(64, body.length & ~3))).buffer);
  const integers = new Int32Array(floats.buffer);
  const shape = [floats.length];
  const text = printBody(
    [
      { name: 'floats', numbers: floats, shape },
      { name: 'integers', numbers: integers, shape },
    ],
    () => {},
  );
  const printed = JSON.parse(text as string) as { floats: (number | null)[]; integers: number[] };
  for (const [index, float] of floats.entries()) {
    const found = printed.floats[index];
    const isRight = Number.isFinite(float) ? found !== null && bitsOf(found) === bitsOf(float) : found === null;
    check(isRight, () => `${float} is printed as ${found}`);
    check(
      printed.integers[index] === integers[index],
      () => `${integers[index]} is printed as ${printed.integers[index]}`,
    );
  }
}

async function run({ path, body }: Input): Promise<void> {
  if (!isRoute(path)) return;
  if (body.length % 4 === 1) checkBits(body);
  const given = readJson(body);
  let value: unknown;
  try {
    value = await parsed(body);
  } catch (error) {
    if (error instanceof MalformedJsonError) {
      checkMalformed(body, error);
      return;
    }
    if (!(error instanceof Problem)) throw error;
    checkProblem(error);
    check(mayBeTooLarge(body), () => `${error.code}: ${error.message} ${shown(error.errors)}`);
    return;
  }
  if (given === undefined) throw new Finding(`a body that is no JSON is accepted: ${shown(value)}`);
  checkValue(value, given.value);
  if (typeof value === 'object' && value !== null) await checkPrinted(value, given.value);
  const isLegal = isLegalBody(path, given.value, limits);
  try {
    await readers[path](settleSmall(value));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    checkProblem(error);
    checkPointers(error, given.value);
    check(
      isLegal !== true || hasLongNumber(body),
      () => `a legal body is refused: ${error.code} ${shown(error.errors)}`,
    );
    return;
  }
  check(isLegal !== false, () => 'a body that is not legal is accepted');
}

/** Fields that legalMessage does not send. */
const bodies: readonly (readonly [Route, object])[] = [
  ['/sample', { logits: [1, 2, 0.5], given_indices: 1, seed: 3 }],
  ['/sample', { logits: [[1, 2]], given_indices: [1], seed: [3], hard: [true] }],
  ['/sample', { logits: [[[1, 2]], [[3, null]]], given_indices: [[1], [0]], temperature: [[1], [2]], masks: 'allow' }],
  ['/sample/vjp', { logits: [1, 2], seed: 3, hard: true, cotangent: [1, 0], estimator: 'gumbel_rao', rao_samples: 2 }],
  ['/log-prob', { logits: [1, 2], indices: 1 }],
  ['/log-prob', { logits: [[1, 2]], indices: [1] }],
  ['/log-prob', { logits: [[1, 2, 3]], top_indices: [[1, 0]] }],
  ['/log-prob', { logits: [0, null], log_samples: [0, null], temperature: 2 }],
];

export const jsonTarget: Target = {
  seeds(random: Random) {
    const inputs: Input[] = bodies.map(([path, body]) => ({ path, body: Buffer.from(JSON.stringify(body)) }));
    while (inputs.length < 108) {
      const { path, body } = legalMessage(random);
      if (isRoute(path) && body.length < 4096) inputs.push({ path, body });
    }
    return inputs;
  },
  mutate(random, input, other) {
    const mutated = mutateRequest(random, input, other);
    return random.chance(0.02) ? { ...mutated, path: random.pick(routeNames) } : mutated;
  },
  run,
};
