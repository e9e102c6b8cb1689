/** Coded errors of schemas: a zod issue carries a code of the catalogue, and becomes a Problem. */
import { z } from 'zod';
import { type FieldError, fieldErrorsMax, Problem, type ProblemCode, problemKind } from '../errors.js';
import { issueText } from './issue-text.js';
import { unknownFieldText } from './unknown-field.js';

// Set for all schemas of the process, so that no schema can miss it. Passing it to each `safeParse` would also cost
// every request time.
z.config({ customError: issueText });

type Path = readonly (string | number)[];

/** The part of zod's refinement context that reports errors. */
export interface IssueSink {
  addIssue(issue: { code: 'custom'; message: string; path: (string | number)[]; params: { code: ProblemCode } }): void;
}

/** Reports an error with `code` at `path`, which is relative to the field. */
export function report(sink: IssueSink, code: ProblemCode, path: Path, message: string): void {
  sink.addIssue({ code: 'custom', message, path: [...path], params: { code } });
}

/** Whether as many errors are reported as one reply lists, so that a check may stop. */
export function isEnough(count: number): boolean {
  return count >= fieldErrorsMax;
}

/** RFC 6901 pointer of a path into the body. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function codeOf(issue: z.core.$ZodIssue): ProblemCode {
  if (issue.code !== 'custom') return 'validation';
  return issue.params?.code ?? 'validation';
}

/** A pointer includes at most this many characters of an unknown field's name. */
const pointerCharactersMax = 32;

/** One error for each unknown field, with the field's pointer; one error for any other issue. */
function errorsOf(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerOf(issue.path), message: issue.message }];
  const { legal = [] } = issue as { legal?: readonly string[] };
  return issue.keys.slice(0, fieldErrorsMax).map((name) => ({
    pointer: pointerOf([...issue.path, name.slice(0, pointerCharactersMax)]),
    message: unknownFieldText(name, legal, issue.keys.length === 1),
  }));
}

/**
 * The Problem of a failed validation. Its code is that of the first issue, in the order of the fields, with unknown
 * fields last. `errors` lists up to ten.
 */
export function validationProblem(error: z.ZodError): Problem {
  const [first] = error.issues;
  if (!first) throw new Error('A validation failed without an issue. This is a bug.');
  const code = codeOf(first);
  const errors = error.issues.slice(0, fieldErrorsMax).flatMap(errorsOf).slice(0, fieldErrorsMax);
  const kind = problemKind(code);
  return new Problem(code, `${kind.meaning} ${kind.remedy}`, errors);
}
