/**
 * The error messages about fields: one text for each kind of zod issue. Clients never see zod's texts, which would
 * quote the request and change with zod's versions.
 */
import { z } from 'zod';

type RawIssue = z.core.$ZodRawIssue;

const nouns: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'an integer',
  string: 'a string',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

/**
 * The text of an issue whose schema does not give one. For unknown fields it also stores the legal field names in the
 * issue, since zod later drops the schema that raised it.
 */
export function issueText(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeText(isInteger(issue) ? 'int' : issue.expected, issue.input);
    case 'too_small':
      return boundText(issue.origin, issue.minimum, issue.inclusive === false ? 'more than' : 'at least');
    case 'too_big':
      return boundText(issue.origin, issue.maximum, issue.inclusive === false ? 'less than' : 'at most');
    case 'invalid_value':
      return `must be ${alternatives(issue.values)}`;
    case 'invalid_union':
      return `must be ${Array.isArray(issue.options) ? alternatives(issue.options) : 'one of the forms given in /docs'}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      if (issue.inst instanceof z.core.$ZodObject) issue.legal = Object.keys(issue.inst._zod.def.shape);
      return 'has an unknown field';
    default:
      return 'must have the form given in /docs';
  }
}

/** z.int() reports a value that is not a number as "expected number". */
function isInteger({ inst }: RawIssue): boolean {
  const { format } = (inst?._zod as { def?: { format?: string } } | undefined)?.def ?? {};
  return format?.endsWith('int') ?? false;
}

/** The text for a value of another type than expected: zod's name of the type. */
export function typeText(expected: string, input: unknown): string {
  const noun = nouns[expected] ?? 'of the type given in /docs';
  const isNumber = expected === 'number' || expected === 'int';
  if (input === undefined) return `is required: ${noun}`;
  if (input === null) return isNumber ? nullText(noun) : `must be ${noun}, not null`;
  if (typeof input === 'number' && !Number.isFinite(input))
    return `must be ${noun === nouns.number ? 'a finite number' : noun}`;
  const given = typeof input === 'number' ? nouns.number : Array.isArray(input) ? nouns.array : nouns[typeof input];
  if (typeof input === 'number' && expected === 'int') return `must be ${noun}`;
  return given === undefined || given === noun ? `must be ${noun}` : `must be ${noun}, not ${givenNoun(given)}`;
}

function givenNoun(noun: string): string {
  return noun === nouns.boolean ? 'a boolean' : noun;
}

/** The message for null where a number is required. */
export function nullText(noun: string): string {
  return `must be ${noun}, not null, which is what JSON.stringify makes of NaN and Infinity`;
}

const countedThings: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
  set: ['entry', 'entries'],
  map: ['entry', 'entries'],
  object: ['field', 'fields'],
};

function boundText(origin: string, bound: unknown, relation: string): string {
  const counted = countedThings[origin];
  if (counted === undefined) return `must be ${relation} ${bound}`;
  return `must have ${relation} ${bound} ${counted[bound === 1 ? 0 : 1]}`;
}

function alternatives(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  const last = texts.pop() ?? 'nothing';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}
