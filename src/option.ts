/**
 * An option: an environment variable with its schema and its default, and what the operator reads where a value cannot
 * work. config.ts and tracing-options.ts have the tables.
 */
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Option<Schema extends z.ZodType = z.ZodType> {
  /** Validates and converts the text of the environment variable. */
  readonly schema: Schema;
  /** The text used when the variable is unset or empty, or where it comes from if it depends on something else. */
  readonly default: string | { readonly from: string; readonly read: (environment: Environment) => string };
  readonly unit: string;
  /** What the option does, and why its default is what it is. */
  readonly reason: string;
  /** Its value is never printed. */
  readonly secret?: boolean;
}

export function option<Schema extends z.ZodType>(settings: Option<Schema>): Option<Schema> {
  return settings;
}

/** A whole number in decimal digits. `1e3` and ` 80`, which `Number` accepts, are refused as typing errors. */
export function integer(bounds: { min: number; max: number }) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${bounds.min} to ${bounds.max}`)
    .transform(Number)
    .refine(
      (value) => value >= bounds.min && value <= bounds.max,
      `must be a whole number from ${bounds.min} to ${bounds.max}`,
    );
}

export function choice<const Values extends readonly [string, ...string[]]>(values: Values, advice = '') {
  return z.enum(values, `must be one of ${values.join(', ')}${advice}`);
}

/** A configuration that cannot work. The message is the one line that the operator sees on stderr. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws {ConfigError} on a value that cannot work */
export function readOption(
  name: string,
  { schema, default: absent, unit, secret }: Option,
  environment: Environment,
): unknown {
  const text = environment[name] || (typeof absent === 'string' ? absent : absent.read(environment));
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) => issue.message).join('; ');
  throw new ConfigError(`${name} is ${secret ? 'set' : JSON.stringify(text)}, but it ${reasons} (${unit})`);
}
