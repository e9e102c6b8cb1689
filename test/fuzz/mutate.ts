/** Mutations of a request: those of the fault tests, words of the protocol, and pieces of other requests. */
import { mutateBytes, mutateNumbers, mutateStructure } from '../../faults/mutate/body.js';
import { headerValue, jsonLengthHeader, type Message } from '../../faults/mutate/message.js';
import type { Random } from '../../faults/mutate/random.js';
import type { Input } from './input.js';

/** A longer input costs time and finds no more: the parsers are given small slices. */
const bytesMax = 12_288;

const words = [
  ...[
    'null',
    'true',
    'false',
    '[]',
    '[[]]',
    '{}',
    '[[',
    ']]',
    '],[',
    ',',
    ':',
    '"',
    '\\',
    '\\u0031',
    '\\u005f',
    ' \n\t',
  ],
  ...[
    '1e39',
    '-0',
    '1e-46',
    '0.1e1',
    '1E+2',
    '1e400',
    '3.4028235677973366e38',
    '16777217',
    '-',
    '.',
    'e',
    '0',
    '9',
    '-1',
  ],
  ...['\ufeff', '\u00e9', '"\ud83d\ude00"', '\u0000', '\u007f', '// x', "'", 'NaN', '-Infinity', 'None', 'True'],
  ...[
    '"__proto__":',
    '"constructor":{"prototype":1}',
    '"logits":',
    '"seed":',
    '"hard":',
    '"temperature":',
    '"return":',
  ],
  ...['"given_indices":', '"top_k":', '"masks":"refuse"', '"cotangent":', '"estimator":"reinmax"', '"rao_samples":3'],
  ...['"estimator":"gumbel_rao"', '"samples":', '"log_samples":', '"indices":', '"top_indices":', '"num_samples":'],
  ...[
    '"row_offset":',
    '"sample_offset":',
    '"noise":"none"',
    '"log_prob"',
    '"top_scores"',
    '"18446744073709551615"',
    '"18446744073709551616"',
    '0.99999999999',
    '1.0000000001',
  ],
  ...['{"schedule":"linear","initial":1,"minimum":0.5,"steps":9,"step":3}', '"schedule":"cosine"', '4294967295'],
  ...['"inputs":', '"outputs":', '"parameters":', '"binary_data_size":', '"shape":', '"datatype":"FP64"', '"data":'],
  ...[
    '"datatype":"FP16"',
    '"datatype":"BF16"',
    '"datatype":"INT64"',
    '"datatype":"BOOL"',
    '"datatype":"UINT64"',
    '"id":',
  ],
  ...['"name":"seed"', '"name":"hard"', '"name":"temperature"', '"name":"given_indices"', '"binary_data_output":true'],
] as const;

function toMessage({ path, jsonLength, body }: Input): Message {
  const headers = jsonLength === undefined ? [] : [[jsonLengthHeader, String(jsonLength)] as const];
  return { method: 'POST', path, headers, body };
}

function toInput(message: Message): Input {
  const length = headerValue(message, jsonLengthHeader);
  return { path: message.path, jsonLength: length === undefined ? undefined : Number(length), body: message.body };
}

/** A decimal close to half way between two float32 numbers, where rounding is hard. */
function hardNumber(random: Random): string {
  const bits = Uint32Array.of(random.below(2 ** 16) * 2 ** 16 + random.below(2 ** 16));
  const [low] = new Float32Array(bits.buffer);
  bits[0] += 1;
  const [high] = new Float32Array(bits.buffer);
  const middle = low / 2 + high / 2;
  if (!Number.isFinite(middle)) return '3.4028235677973366e38';
  const digits = random.pick([
    () => String(middle),
    () => middle.toPrecision(random.between(1, 60)),
    () => String(low),
  ])();
  return random.chance(0.3)
    ? digits.replace(/(\d)(e|$)/, `$1${random.pick(['1', '0000001', '49999', '5'])}$2`)
    : digits;
}

const members = ['logits', 'temperature', 'hard', 'seed', 'given_indices', 'indices', 'top_k', 'return', 'num_samples'];

const values = [
  ...[
    '1',
    '[1]',
    '[[1],[2]]',
    '[[1],[2,3]]',
    '[[[]],[[1]]]',
    'true',
    '[true]',
    '[[true],[false]]',
    'null',
    '"7"',
    '[]',
    '{}',
  ],
  ...[
    '0.99999999999',
    '[0.99999999999]',
    '[1.0000000001]',
    '"18446744073709551616"',
    '["18446744073709551616"]',
    '["0"]',
  ],
];

/** One more member of the body, which may have one of this name. */
function otherMember(random: Random, input: Input): Input {
  const { body } = input;
  const member = `"${random.pick(members)}":${random.pick(values)}`;
  const end = body.lastIndexOf('}');
  if (random.chance(0.5) && end > 0) return spliced(input, end, 0, Buffer.from(`,${member}`));
  return spliced(input, body.indexOf('{') + 1, 0, Buffer.from(`${member},`));
}

/** Another digit in place of one: most legal requests stay legal. */
function otherDigit(random: Random, input: Input): Input {
  const start = random.below(input.body.length + 1);
  const position = input.body.findIndex((byte, index) => index >= start && byte >= 0x30 && byte <= 0x39);
  return position < 0 ? input : spliced(input, position, 1, Buffer.from(String(random.below(10))));
}

/** Replaces `removed` bytes at a place, and leaves the length of the JSON true. */
function spliced(input: Input, position: number, removed: number, inserted: Buffer): Input {
  const { jsonLength } = input;
  const end = Math.min(position + removed, input.body.length);
  const body = Buffer.concat([input.body.subarray(0, position), inserted, input.body.subarray(end)]);
  const isInJson = jsonLength !== undefined && position < jsonLength;
  return {
    ...input,
    jsonLength: isInJson ? Math.max(0, jsonLength + inserted.length - (end - position)) : jsonLength,
    body,
  };
}

function float64(value: number): Buffer {
  return Buffer.from(Float64Array.of(value).buffer);
}

/** Elements of binary tensors at the edges of their datatypes. */
const elements = [
  ...[-1e39, 1e39, Number.NaN, -Infinity, 1e-46, 0.5, 3.4028235677973366e38].map(float64),
  ...[Number.NaN, -Infinity, Infinity, 1e-35].map((value) => Buffer.from(Float32Array.of(value).buffer)),
  ...[-1n, 2n ** 53n, 2n ** 63n, 1n, 0n].map((value) =>
    Buffer.from(BigUint64Array.of(BigInt.asUintN(64, value)).buffer),
  ),
  ...[0xfc00, 0x7c01, 0xff80].map((bits) => Buffer.from(Uint16Array.of(bits).buffer)),
  ...[0, 1, 2].map((flag) => Buffer.from([flag])),
];

/** Another element in place of one behind the JSON. */
function otherElement(random: Random, input: Input): Input {
  const { body, jsonLength = body.length } = input;
  const element = random.pick(elements);
  const count = Math.floor((body.length - jsonLength) / element.length);
  return count < 1
    ? otherDigit(random, input)
    : spliced(input, jsonLength + random.below(count) * element.length, element.length, element);
}

/** A place behind punctuation, or any. */
function placeIn(random: Random, body: Buffer): number {
  const start = random.below(body.length + 1);
  if (random.chance(0.3)) return start;
  for (let position = start; position < body.length; position++) {
    if ('[]{},:"'.includes(String.fromCharCode(body[position]))) return position + random.below(2);
  }
  return start;
}

function spanIn(random: Random, body: Buffer): Buffer {
  const start = placeIn(random, body);
  const end = random.chance(0.5) ? placeIn(random, body) : start + random.between(1, 30);
  return body.subarray(Math.min(start, end), Math.min(Math.max(start, end), start + 1000));
}

const mutations: readonly ((random: Random, input: Input, other: Input) => Input)[] = [
  (random, input) => toInput(mutateBytes(random, toMessage(input))),
  (random, input) => toInput(mutateStructure(random, toMessage(input))),
  (random, input) => toInput(mutateStructure(random, toMessage(input))),
  (random, input) => toInput(mutateNumbers(random, toMessage(input))),
  (random, input) => spliced(input, placeIn(random, input.body), 0, Buffer.from(random.pick(words))),
  (random, input) => spliced(input, placeIn(random, input.body), random.between(1, 8), Buffer.from(random.pick(words))),
  (random, input) => spliced(input, placeIn(random, input.body), random.below(4), spanIn(random, input.body)),
  (random, input, { body }) => spliced(input, placeIn(random, input.body), random.below(9), spanIn(random, body)),
  (random, input) => spliced(input, placeIn(random, input.body), random.below(20), Buffer.alloc(0)),
  (random, input) => otherDigit(random, input),
  (random, input) => otherElement(random, input),
  (random, input) => otherElement(random, input),
  (random, input) => otherMember(random, input),
  (random, input) => {
    const numbers = [...input.body.toString('latin1').matchAll(/-?\d[\d.eE+-]*/g)];
    if (numbers.length === 0) return input;
    const { index, 0: old } = random.pick(numbers);
    return spliced(input, index, old.length, Buffer.from(hardNumber(random)));
  },
];

export function mutateRequest(random: Random, input: Input, other: Input): Input {
  let mutated = input;
  for (let times = random.pick([1, 1, 1, 2, 3]); times > 0; times--)
    mutated = random.pick(mutations)(random, mutated, other);
  if (mutated.body.length <= bytesMax) return mutated;
  return { ...mutated, body: mutated.body.subarray(0, bytesMax) };
}
