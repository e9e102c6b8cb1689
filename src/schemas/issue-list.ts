/** Collects what is wrong with an inference request, at the places of its JSON, and throws it as one Problem. */
import { z } from 'zod';
import type { ProblemCode } from '../errors.js';
import { type IssueSink, report, validationProblem } from './issue.js';

type Path = readonly (string | number)[];

export class InferIssues implements IssueSink {
  readonly #issues: z.core.$ZodIssue[] = [];

  addIssue({ code, message, path, params }: Parameters<IssueSink['addIssue']>[0]): void {
    this.#issues.push({ code, message, path, params, input: undefined });
  }

  report(code: ProblemCode, path: Path, message: string): void {
    report(this, code, path, message);
  }

  /**
   * A sink for checks that know a field and not where it came from: `base` is where. Binary data has no JSON pointer,
   * so the place of an element is said in words, whichever way it came.
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

  /** A sink for checks between fields: it leads each field they name to where that came from. */
  of(placeOf: (field: string) => Path): IssueSink {
    return {
      addIssue: (issue) => {
        const [field] = issue.path;
        this.addIssue({ ...issue, path: field === undefined ? [] : [...placeOf(String(field))] });
      },
    };
  }

  /** @throws {Problem} if anything has been reported; its code is that of what was reported first */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw validationProblem(new z.ZodError(this.#issues));
  }
}
