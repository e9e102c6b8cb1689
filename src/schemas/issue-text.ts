/**
 * What is wrong with a field, in this service's words: one text for each kind of issue that zod raises. zod's own texts
 * never reach a client: they would repeat what was sent, and change with its versions.
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
 * The text of an issue that its schema has none for. On an issue about unknown fields it also notes the fields that
 * there are: zod keeps what is on an issue, but for the schema that raised it.
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
      return `must be ${Array.isArray(issue.options) ? alternatives(issue.options) : 'of one of the forms in /docs'}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      if (issue.inst instanceof z.core.$ZodObject) issue.legal = Object.keys(issue.inst._zod.def.shape);
      return 'has a field that is not known here';
    default:
      return 'must have the form that /docs says';
  }
}

/** z.int() says of what is no number at all that it should be one. */
function isInteger({ inst }: RawIssue): boolean {
  const { format } = (inst?._zod as { def?: { format?: string } } | undefined)?.def ?? {};
  return format?.endsWith('int') ?? false;
}

function typeText(expected: string, input: unknown): string {
  const noun = nouns[expected] ?? 'of the type that /docs says';
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

/** Of a null where a number belongs. */
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
