/**
 * Matches the input tensors of an inference request with the model's inputs, their shapes with their data, and binary
 * tensors with the bytes behind the JSON. It converts and allocates nothing; fields.ts reads the elements.
 */
import { NumberMatrix } from '../json/number-matrix.js';
import type { IssueList } from '../schemas/issue-list.js';
import { isShaped } from '../schemas/points.js';
import { type InputSpec, type ModelName, models, unknownTensorText } from './models.js';
import { type Datatype, datatypeBytes } from './tensors/datatypes.js';

/** An input as declared in the JSON. */
export interface DeclaredInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: Datatype;
  readonly parameters?: { readonly binary_data_size?: number | undefined } | undefined;
  readonly data?: unknown;
}

/** An input whose name, datatype, shape and size have been checked. */
export interface InputTensor {
  /** Its path in the JSON. */
  readonly path: readonly [string, number];
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Its bytes behind the JSON; undefined if its elements are in the JSON. */
  readonly bytes: Buffer | undefined;
  /** Its elements in the JSON, of any type: fields.ts checks them. */
  readonly data: unknown;
}

/**
 * Checks the name, datatype, shape and size of every input, and returns the inputs by name.
 *
 * @throws {Problem} `validation`, `shape-size-mismatch` or `malformed-binary`
 */
export function placeInputs(
  declared: readonly DeclaredInput[],
  binary: Buffer,
  model: ModelName,
  issues: IssueList,
): Map<string, InputTensor> {
  const specs: Readonly<Record<string, InputSpec>> = models[model].inputs;
  const inputs = new Map<string, InputTensor>();
  let offset = 0;
  for (const [index, input] of declared.entries()) {
    const path = ['inputs', index] as const;
    const size = input.parameters?.binary_data_size;
    if (!isKnown(input, path, model, inputs, issues) || !hasDeclaredSize(input, path, issues)) continue;
    const end = offset + (size ?? 0);
    if (end > binary.length) {
      const left = binary.length - offset;
      issues.report(
        'malformed-binary',
        [...path, 'parameters'],
        `has ${size} bytes, but only ${left} are left in the body`,
      );
      break;
    }
    const bytes = size === undefined ? undefined : binary.subarray(offset, end);
    inputs.set(input.name, { path, datatype: input.datatype, shape: input.shape, bytes, data: input.data });
    offset = end;
  }
  issues.throwIfAny();
  if (offset < binary.length) {
    issues.report(
      'malformed-binary',
      ['inputs'],
      `declare ${offset} bytes of binary data, but the body has ${binary.length}`,
    );
  }
  for (const [name, { required }] of Object.entries(specs)) {
    if (required && !inputs.has(name)) issues.report('validation', ['inputs'], `must have the tensor ${name}`);
  }
  issues.throwIfAny();
  return inputs;
}

type InputPath = readonly [string, number];

/** Whether the model has this input, in this datatype and rank, and the request has it once. */
function isKnown(
  { name, datatype, shape }: DeclaredInput,
  path: InputPath,
  model: ModelName,
  inputs: ReadonlyMap<string, InputTensor>,
  issues: IssueList,
): boolean {
  const specs: Readonly<Record<string, InputSpec>> = models[model].inputs;
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) {
    issues.report('validation', [...path, 'name'], unknownTensorText('inputs', name, model));
  } else if (inputs.has(name)) {
    issues.report('validation', [...path, 'name'], `is a second tensor ${name}`);
  } else if (!spec.datatypes.includes(datatype)) {
    issues.report('validation', [...path, 'datatype'], `of ${name} must be ${spec.datatypes.join(' or ')}`);
  } else if (shape.length > spec.axesMax) {
    const advice = name === 'logits' ? ': flatten further axes; for several samples of a row send num_samples' : '';
    issues.report(
      'validation',
      [...path, 'shape'],
      `of ${name} has ${shape.length} axes, but at most ${spec.axesMax} are allowed${advice}`,
    );
  } else {
    return true;
  }
  return false;
}

/** Whether the input has either JSON data or bytes, and as many elements as its shape. */
function hasDeclaredSize(
  { shape, datatype, parameters, data }: DeclaredInput,
  path: InputPath,
  issues: IssueList,
): boolean {
  const size = parameters?.binary_data_size;
  const count = shape.reduce((product, extent) => product * extent, 1);
  const bytes = count * datatypeBytes[datatype];
  if (!Number.isSafeInteger(bytes)) {
    issues.report('shape-size-mismatch', [...path, 'shape'], 'has more elements than any body can hold');
  } else if ((size === undefined) === (data === undefined)) {
    issues.report('validation', path, 'must have either data or the parameter binary_data_size');
  } else if (size !== undefined && size !== bytes) {
    issues.report(
      'shape-size-mismatch',
      [...path, 'parameters'],
      `has ${size} bytes, but shape and datatype need ${bytes}`,
    );
  } else if (data instanceof NumberMatrix && !isShapedLike(data, shape, count)) {
    issues.report(
      'shape-size-mismatch',
      [...path, 'data'],
      `must be flat, or nested as the shape [${shape.join(', ')}]`,
    );
  } else if (size === undefined && (datatype === 'FP16' || datatype === 'BF16')) {
    // As in Triton.
    issues.report(
      'validation',
      [...path, 'datatype'],
      `${datatype} must be sent as binary data: JSON numbers are FP32 or FP64`,
    );
  } else {
    return true;
  }
  return false;
}

/** Whether JSON numbers have the count of a shape: flat, or nested exactly like it. */
function isShapedLike(matrix: NumberMatrix, shape: readonly number[], count: number): boolean {
  return isShaped(matrix, [count]) || isShaped(matrix, shape);
}
