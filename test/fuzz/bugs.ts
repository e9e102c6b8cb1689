/** Bugs that are planted into the compiled service to see whether the fuzzer finds them. */
import type { Bug } from '../support/planted-bug.js';
import type { TargetName } from './targets.js';

export const bugs: readonly (Bug & { readonly target: TargetName })[] = [
  {
    target: 'json',
    name: 'of two members with one name an array wins, although it is the first',
    file: 'json/body-scan.js',
    text: 'this.#owner.set(name, undefined);',
    replacement: '',
  },
  {
    target: 'json',
    name: 'a seed of 2^64 is accepted',
    file: 'json/seed-list.js',
    text: 'if (high >= 2 ** 32)\n        return false;',
    replacement: '',
  },
  {
    target: 'json',
    name: 'a number that the kernel leaves to the host is not rounded again',
    file: 'json/matrix-reader.js',
    text: 'if (fields[Field.hardCount] > 0)\n            this.#roundHardTokens();',
    replacement: '',
  },
  {
    target: 'json',
    name: 'a fraction that rounds to an integer is an index',
    file: 'json/whole-numbers.js',
    text: '!isWhole(text, start, position)',
    replacement: 'false',
  },
  {
    target: 'json',
    name: 'a list whose second array is longer than the first is not ragged',
    file: 'json/list-shape.js',
    text: 'size !== this.#column',
    replacement: 'size > this.#column',
  },
  {
    target: 'tensors',
    name: 'a large negative FP64 number masks its category',
    file: 'open-inference/tensors/floats.js',
    text: 'rounded === -Infinity && value !== -Infinity ? Infinity : rounded',
    replacement: 'rounded',
  },
  {
    target: 'tensors',
    name: 'bytes behind the last tensor are ignored',
    file: 'open-inference/input-tensors.js',
    text: 'if (offset < binary.length) {',
    replacement: 'if (false) {',
  },
  {
    target: 'tensors',
    name: 'the flags of a tensor may be any byte',
    file: 'open-inference/fields.js',
    text: 'bytes.findIndex((value) => value > 1)',
    replacement: '-1',
  },
  {
    target: 'http',
    name: 'the length of an error is one byte too much',
    file: 'http/problem-writer.js',
    text: 'String(Buffer.byteLength(body))',
    replacement: 'String(Buffer.byteLength(body) + 1)',
  },
];
