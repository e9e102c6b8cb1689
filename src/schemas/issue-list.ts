/**
 * Collects validation errors with their JSON paths, and throws all of them as one Problem. For checks that run outside
 * of zod.
 */
import { z } from 'zod';
import type { ProblemCode } from '../errors.js';
import { type IssueSink, report, validationProblem } from './issue.js';

type Path = readonly (string | number)[];

export class IssueList implements IssueSink {
  readonly #issues: z.core.$ZodIssue[] = [];

  addIssue({ code, message, path, params }: Parameters<IssueSink['addIssue']>[0]): void {
    this.#issues.push({ code, message, path, params, input: undefined });
  }

  report(code: ProblemCode, path: Path, message: string): void {
    report(this, code, path, message);
  }

  /**
   * A sink for checks of the field at `base`. Binary data has no JSON pointer, so the message names row and column in
   * words.
   */
  at(base: Path): IssueSink {
    return {
      addIssue: (issue) => {
        const [row, column] = issue.path;
        const place = column === undefined ? `at row ${row}` : `at row ${row}, column ${column}`;
        const message = row === undefined ? issue.message : `${place}: ${issue.message}`;
        this.addIssue({ ...issue, path: [...base], message });
      },
    };
  }

  /** A sink for checks between fields: `pathOf` maps the name of a field to its path in the request. */
  of(pathOf: (field: string) => Path): IssueSink {
    return {
      addIssue: (issue) => {
        const [field] = issue.path;
        this.addIssue({ ...issue, path: field === undefined ? [] : [...pathOf(String(field))] });
      },
    };
  }

  /** @throws {Problem} if an error has been reported; its code is that of the first */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw validationProblem(new z.ZodError(this.#issues));
  }
}
