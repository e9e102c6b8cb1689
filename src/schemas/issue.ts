/**
 * How a schema raises a coded error: a zod issue that carries a code of the catalogue, and the way back to a Problem.
 */
import { z } from 'zod';
import { type FieldError, fieldErrorsMax, Problem, type ProblemCode, problemKind } from '../errors.js';
import { issueText } from './issue-text.js';
import { unknownFieldText } from './unknown-field.js';

// For all schemas of the process, so that none can be without; an option of each `safeParse` would cost a small request
// 2 us.
z.config({ customError: issueText });

type Path = readonly (string | number)[];

/** What a transform needs of its context to report: zod's refinement context has it. */
export interface IssueSink {
  addIssue(issue: { code: 'custom'; message: string; path: (string | number)[]; params: { code: ProblemCode } }): void;
}

/** Reports that the value at `path`, relative to the field, is wrong in the way `code` names. */
export function report(sink: IssueSink, code: ProblemCode, path: Path, message: string): void {
  sink.addIssue({ code: 'custom', message, path: [...path], params: { code } });
}

/** Whether a transform has reported as many wrong values as one reply names, and may stop looking. */
export function isEnough(count: number): boolean {
  return count >= fieldErrorsMax;
}

/** RFC 6901 pointer of a path into the body. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function codeOf(issue: z.core.$ZodIssue): ProblemCode {
  if (issue.code !== 'custom') return 'validation';
  return (issue.params as { code?: ProblemCode } | undefined)?.code ?? 'validation';
}

/** At most so many characters of a client's own field name are in a pointer. */
const pointedCharactersMax = 32;

/** An error for each field that is not known, at the field; one error for any other issue. */
function errorsOf(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerOf(issue.path), message: issue.message }];
  const { legal = [] } = issue as { legal?: readonly string[] };
  return issue.keys.slice(0, fieldErrorsMax).map((name) => ({
    pointer: pointerOf([...issue.path, name.slice(0, pointedCharactersMax)]),
    message: unknownFieldText(name, legal, issue.keys.length === 1),
  }));
}

/**
 * The Problem of a failed validation. Its code is that of the first issue, in the order of the field table, with
 * unknown fields last; `errors` names up to ten.
 */
export function validationProblem(error: z.ZodError): Problem {
  const [first] = error.issues;
  if (!first) throw new Error('A validation failed without an issue. This is a bug.');
  const code = codeOf(first);
  const errors = error.issues.slice(0, fieldErrorsMax).flatMap(errorsOf).slice(0, fieldErrorsMax);
  const kind = problemKind(code);
  return new Problem(code, `${kind.meaning} ${kind.remedy}`, errors);
}
