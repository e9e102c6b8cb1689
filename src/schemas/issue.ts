/** How a schema raises a coded error: a zod issue that carries a code of the catalogue, and the way back to a Problem. */
import type { z } from 'zod';
import { type FieldError, fieldErrorsMax, Problem, type ProblemCode, problemKind } from '../errors.js';

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

/** zod's own text, except where it would repeat the client's input: names of unknown fields. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message;
  const count = issue.keys.length;
  return count === 1 ? 'has a field that is not known here' : `has ${count} fields that are not known here`;
}

/**
 * The Problem of a failed validation. Its code is that of the first issue, in the order of the field table, with unknown
 * fields last; `errors` names up to ten.
 */
export function toProblem(error: z.ZodError): Problem {
  const [first] = error.issues;
  if (!first) throw new Error('A validation failed without an issue. This is a bug.');
  const code = codeOf(first);
  const errors: FieldError[] = error.issues
    .slice(0, fieldErrorsMax)
    .map((issue) => ({ pointer: pointerOf(issue.path), message: messageOf(issue) }));
  const kind = problemKind(code);
  return new Problem(code, `${kind.meaning} ${kind.remedy}`, errors);
}
